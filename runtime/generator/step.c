/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The steps of the boot, points between units of the initrd, and what happens at each:
 *
 *   initrdd-break-STEP.service   a shell, for rd.break[=STEP] and break[=STEP] of initramfs-tools
 *   initrdd-hooks-STEP.service   the hooks that the image has for it (initrdd-hooks(7))
 *
 * in this order, and before the next step. Who may have the shell is what the image's Emergency= says:
 * sulogin asks for the password.
 *
 * Devices are waited for from the start on. Until a shell or a hook is done that comes before the
 * root is waited for, no device is: its time would run out while somebody types.
 */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "generator.h"
#include "string-util.h"

#define HOOKS "/usr/lib/initrdd/hooks"
#define RUNNER "/usr/lib/initrdd/initrdd-hooks"

typedef struct Step {
        const char *name, *target, *after, *before;
        const char *gates; /* what does not begin if a hook that is required has failed */
        bool early; /* before anything is waited for */
} Step;

#define ROOT "systemd-fsck-root.service sysroot.mount initrd-root-fs.target"

static const Step steps[] = {
        { "cmdline", "sysinit.target", "systemd-journald.socket",
          "systemd-modules-load.service systemd-udevd.service", ROOT, true },
        { "pre-udev", "sysinit.target", "systemd-journald.socket systemd-modules-load.service",
          "systemd-udevd.service", ROOT, true },
        { "pre-trigger", "sysinit.target", "systemd-udevd.service", "systemd-udev-trigger.service",
          ROOT, true },
        { "initqueue", "initrd.target", "systemd-udev-trigger.service",
          "cryptsetup.target initrd-root-device.target", ROOT, true },
        { "pre-mount", "initrd.target",
          "initrd-root-device.target network-online.target remote-fs-pre.target", ROOT, ROOT,
          false },
        { "mount", "initrd.target",
          "sysroot.mount initrdd-overlay.service systemd-volatile-root.service",
          "initrd-root-fs.target", "initrd-root-fs.target", false },
        { "pre-pivot", "initrd.target", "initrd-root-fs.target initrd-fs.target",
          "initrd-cleanup.service", "initrd-cleanup.service", false },
        { "cleanup", "initrd-switch-root.target", "initrd-cleanup.service systemd-udevd.service",
          "initrd-udevadm-cleanup-db.service initrd-switch-root.service",
          "initrd-switch-root.service", false },
};
/* initramfs-tools(7) */
static const struct {
        const char *name, *step;
} others[] = {
        { "top", "cmdline" },     { "modules", "pre-udev" },    { "premount", "pre-mount" },
        { "mount", "pre-mount" }, { "mountroot", "pre-mount" }, { "bottom", "pre-pivot" },
        { "init", "cleanup" },
};

static const Step *find_step(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(steps); i++)
                if (streq(steps[i].name, name))
                        return &steps[i];
        return NULL;
}

static const Step *find_other(const char *name) {
        if (*name == '\0')
                return find_step("pre-mount");
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                if (streq(others[i].name, name))
                        return find_step(others[i].step);
        return NULL;
}

/* Adds the steps before which a word asks for a shell; initramfs-tools has lists of them. What is none is a
 * line in the log. */
static int add_asked(const Generator *g, const char *word, bool asked[ELEMENTSOF(steps)]) {
        const char *value = option_value(word, "rd.break"), *other = option_value(word, "break");
        _cleanup_strv_free_ char **names = NULL;
        const Step *step = NULL;
        bool wrong = false;

        if (!value && !other)
                return 0;
        if (value) {
                /* All is there, and nothing has been stopped yet. */
                step = *value == '\0' && !endswith(word, "=") ? find_step("pre-pivot")
                                                              : find_step(value);
                wrong = !step;
        } else if (*other == '\0')
                step = find_other(other);
        else if (strv_split(&names, other, ",") < 0)
                return -ENOMEM;
        if (step)
                asked[step - steps] = true;
        STRV_FOREACH(name, names) {
                step = **name ? find_other(*name) : NULL;
                if (step)
                        asked[step - steps] = true;
                wrong = wrong || !step;
        }
        if (wrong)
                generator_warn(g, "%s names no step of the boot and was ignored", word);
        return 0;
}

/* How many hooks the image has for the step, or an error; and whether one is marked. */
static int count_hooks(const Generator *g, const Step *step, bool *ret_required) {
        _cleanup_free_ char *path = NULL;
        bool required = false;
        int n = 0;
        DIR *d;

        if (str_printf(&path, "%s" HOOKS "/%s.d", g->root, step->name) < 0)
                return -ENOMEM;
        d = opendir(path);
        if (!d)
                return 0;
        for (struct dirent *e; (e = readdir(d));) {
                if (e->d_name[0] == '.')
                        continue;
                n++;
                required = required || endswith(e->d_name, ".required");
        }
        closedir(d);
        *ret_required = required;
        return n;
}

/* [Unit] of the step's shell or of its hooks. The shell comes first, and both after the hooks of the
 * step before. */
static int format_unit(char **ret, const Step *step, bool hooks) {
        size_t size;
        FILE *f = open_memstream(ret, &size);

        if (!f)
                return -ENOMEM;
        fprintf(f, "[Unit]\nDescription=%s %s\nDefaultDependencies=no\nAfter=%s\nBefore=%s\n",
                hooks ? "Hooks of Step" : "Shell Before Step", step->name, step->after,
                step->before);
        if (step > steps)
                fprintf(f, "After=initrdd-hooks-%s.service\n", step[-1].name);
        if (hooks)
                fprintf(f, "After=initrdd-break-%s.service\n", step->name);
        else
                fprintf(f, "Before=initrdd-hooks-%s.service\n", step->name);
        fputs("Conflicts=shutdown.target emergency.target\n", f);
        return fclose(f) == 0 ? 0 : -ENOMEM;
}

/* `unit` is in the normal directory, and started with the boot. */
static int add_unit(const Generator *g, const Step *step, const char *unit, const char *text) {
        _cleanup_free_ char *dropin = NULL, *name = NULL;
        int r;

        r = generator_write(g, g->normal, unit, text);
        if (r >= 0)
                r = generator_add_symlink(g, step->target, "wants", unit);
        if (r < 0 || !step->early)
                return r;
        if (str_printf(&name, "device.d/60-%.*s.conf", (int) (strlen(unit) - strlen(".service")),
                       unit) < 0 ||
            str_printf(&dropin, "[Unit]\nAfter=%s\n", unit) < 0)
                return -ENOMEM;
        return generator_write(g, g->normal, name, dropin);
}

static int add_break(const Generator *g, const Step *step) {
        _cleanup_free_ char *unit = NULL, *head = NULL, *text = NULL;

        if (str_printf(&unit, "initrdd-break-%s.service", step->name) < 0 ||
            format_unit(&head, step, false) < 0 ||
            str_printf(&text,
                       "%s\n"
                       "[Service]\n"
                       "Type=oneshot\n"
                       "Environment=HOME=/ \"PS1=%s# \"\n"
                       "WorkingDirectory=/\n"
                       "ExecStartPre=-plymouth --wait quit\n"
                       /* Emergency=open sets the variable: systemd-sulogin-shell, which has one of
                        * its own, would start the default target afterwards. */
                       "ExecStart=-sulogin $INITRDD_SULOGIN\n"
                       "StandardInput=tty-force\n"
                       "StandardOutput=inherit\n"
                       "StandardError=inherit\n"
                       "KillMode=process\n"
                       "IgnoreSIGPIPE=no\n",
                       head, step->name) < 0)
                return -ENOMEM;
        return add_unit(g, step, unit, text);
}

static int add_hooks(const Generator *g, const Step *step, bool required) {
        _cleanup_free_ char *unit = NULL, *head = NULL, *text = NULL;

        if (str_printf(&unit, "initrdd-hooks-%s.service", step->name) < 0 ||
            format_unit(&head, step, true) < 0 ||
            str_printf(&text,
                       "%s%s\n"
                       "[Service]\n"
                       "Type=oneshot\n"
                       /* What a hook has left running may run until the root is switched to. */
                       "RemainAfterExit=yes\n"
                       "WorkingDirectory=/\n"
                       "ExecStart=" RUNNER " %s\n"
                       "StandardInput=null\n"
                       "StandardOutput=journal+console\n"
                       "StandardError=journal+console\n",
                       head,
                       required ? "OnFailure=emergency.target\n"
                                  "OnFailureJobMode=replace-irreversibly\n"
                                : "",
                       step->name) < 0)
                return -ENOMEM;
        return add_unit(g, step, unit, text);
}

/* Whoever comes next looks whether the hooks went well: initrdd-hooks says so by a file. Not a
 * dependency: when the hooks' unit is stopped, it would be stopped with it. */
static int add_gates(const Generator *g, const Step *step) {
        _cleanup_strv_free_ char **gates = NULL;
        _cleanup_free_ char *text = NULL;

        if (strv_split(&gates, step->gates, " ") < 0 ||
            str_printf(&text,
                       "[Unit]\nAfter=initrdd-hooks-%s.service\n"
                       "AssertPathExists=/run/initrdd/steps/%s\n",
                       step->name, step->name) < 0)
                return -ENOMEM;
        STRV_FOREACH(gate, gates) {
                _cleanup_free_ char *name = NULL;
                int r;

                if (str_printf(&name, "%s.d/60-initrdd-hooks-%s.conf", *gate, step->name) < 0)
                        return -ENOMEM;
                r = generator_write(g, g->normal, name, text);
                if (r < 0)
                        return r;
        }
        return 0;
}

int generate_step(const Generator *g) {
        bool asked[ELEMENTSOF(steps)] = {};
        int r = 0;

        STRV_FOREACH(word, g->words)
                if (add_asked(g, *word, asked) < 0)
                        return -ENOMEM;
        for (const Step *step = steps; step < steps + ELEMENTSOF(steps) && r >= 0; step++) {
                bool required = false;

                if (asked[step - steps])
                        r = add_break(g, step);
                if (r >= 0)
                        r = count_hooks(g, step, &required);
                if (r > 0)
                        r = add_hooks(g, step, required);
                if (r >= 0 && required)
                        r = add_gates(g, step);
        }
        return r < 0 ? r : 0;
}
