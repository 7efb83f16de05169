/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The collector fails when something that a module must have is missing; these checks are about
 * what no single module can know: that the kernel can unpack the image and finds a program to
 * start in it, that somebody brings up each layer below the root, that the emergency shell that was
 * promised can be entered.
 */

#include "image/verify.h"
#include "pack/compress.h"
#include "string-util.h"

static int check_program(const Fragments *fragments, Report *report, const char *path,
                         const char *what) {
        const Entry *e = fragments_resolve(fragments, path);

        if (e && e->type == ENTRY_FILE && (e->mode & 0111))
                return 0;
        return report_fail(report, FAILURE_VERIFY_FAILED, -ENOEXEC, path, 0,
                           !e ? "The image has no %s" : "The image's %s can't be executed", what);
}

/* What the kernel needs to unpack it at all. */
static int check_kernel(const Profile *profile, const Kernel *kernel, Report *report) {
        const char *option = decoder_kernel_option(compression_decoder(profile->compression));

        if (kernel_option(kernel, "BLK_DEV_INITRD") == KERNEL_OPTION_NO)
                return report_fail(report, FAILURE_CONFIG_INVALID, -EOPNOTSUPP,
                                   kernel->config_path, 0,
                                   "Kernel %s was built without CONFIG_BLK_DEV_INITRD: it can't "
                                   "use an initramfs",
                                   kernel->version);
        if (option && kernel_option(kernel, option) == KERNEL_OPTION_NO)
                return report_fail(report, FAILURE_CONFIG_INVALID, -EOPNOTSUPP,
                                   kernel->config_path, 0,
                                   "Kernel %s can't decompress %s: it was built without "
                                   "CONFIG_%s; set Compression= to something else",
                                   kernel->version, compression_to_string(profile->compression),
                                   option);
        return 0;
}

/* Whether a layer needs anybody: the kernel does partitions alone, and memory, of which overlays are. */
static bool needs_module(const char *tag) {
        static const char *const alone[] = { "block:part", "block:loop", "block:dm", "block:zram",
                                             "fs:tmpfs" };

        if (!startswith(tag, "fs:") && !startswith(tag, "block:"))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(alone); i++)
                if (streq(tag, alone[i]))
                        return false;
        return true;
}

/* What is for every machine ("*") is for none of its layers. */
static bool plan_has_tag(const Plan *plan, const char *tag) {
        Facts one = { .tags = (char *[]) { (char *) tag, NULL } };

        for (size_t i = 0; i < plan->n_items; i++)
                STRV_FOREACH(needed, plan->items[i].module->needed)
                        if (!streq(*needed, "*") && facts_match(&one, *needed))
                                return true;
        return false;
}

static int check_layers(const Plan *plan, const Facts *facts, Report *report) {
        if (facts->generic)
                return 0;
        STRV_FOREACH(tag, facts->tags)
                if (needs_module(*tag) && !plan_has_tag(plan, *tag))
                        return report_fail(report, FAILURE_INCOMPLETE, -ENOPKG, NULL, 0,
                                           "The root needs %s and no module of this image brings "
                                           "it; `initrdctl modules` lists what there is",
                                           *tag);
        return 0;
}

int verify_contents(const Fragments *fragments, const Plan *plan, const Profile *profile,
                    const Facts *facts, const Kernel *kernel, Report *report) {
        int r;

        r = check_kernel(profile, kernel, report);
        if (r >= 0)
                r = check_layers(plan, facts, report);
        if (r >= 0)
                r = check_program(fragments, report, "/init", "/init");
        if (r >= 0 && profile->emergency != EMERGENCY_LOCKED) {
                const char *sulogin = "/usr/sbin/sulogin";

                if (!fragments_resolve(fragments, sulogin))
                        sulogin = "/sbin/sulogin";
                r = check_program(fragments, report, sulogin,
                                  "sulogin, which Emergency= asks for");
                if (r >= 0)
                        r = check_program(fragments, report, "/bin/sh",
                                          "shell, which Emergency= asks for");
        }
        return r;
}
