/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * try: an image is booted in QEMU. What is needed for that is made beside it and removed afterwards:
 * a root of the kind that the image is for (try-root.h, try-disk.h), and the kernel as QEMU starts
 * it soonest. What the console says decides (try-console.h); try-result.c tells it.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "fd-util.h"
#include "images/image-argument.h"
#include "path-util.h"
#include "string-util.h"
#include "try/try-disk.h"
#include "try/try-kernel.h"
#include "try/try-layer.h"
#include "try/try-network.h"
#include "try/try-root-image.h"
#include "try/try-tool.h"
#include "try/try.h"

#define MIB UINT64_C(1048576)
#define MEMORY_MIN 1024U
#define MEMORY_MAX 16384U
#define TIMEOUT_DEFAULT 300U
#define KEY_MAX 1048576

bool arg_console;
const char *arg_root_image, *arg_append;
unsigned arg_timeout = TIMEOUT_DEFAULT;

static void try_done(Try *t) {
        try_server_done(&t->server);
        scratch_remove(t->directory);
        image_tree_free(t->tree);
        described_free(t->described);
        image_free(t->image);
        free(t->path);
        free(t->qemu);
        free(t->kernel);
        free(t->unpacked);
        free(t->initrd);
        strv_free(t->words);
        free(t->command_line);
        try_root_done(&t->root);
        strv_free(t->disks);
        strv_free(t->devices);
        free(t->marker);
        free(t->passphrase);
        console_done(&t->console);
}

static int find_qemu(Try *t) {
        static const char *const names[] = { "qemu-system-x86_64", "qemu-kvm" };
        int r = -ENOENT;

#ifndef __x86_64__
        say("try knows no machine but x86-64 yet.");
        return EXIT_STATUS_UNTRIED;
#endif
        for (size_t i = 0; r == -ENOENT && i < ELEMENTSOF(names); i++)
                r = tool_find(names[i], &t->qemu);
        if (r >= 0)
                return EXIT_STATUS_DONE;
        if (r != -ENOENT)
                return try_cannot(t, r);
        say("There is no qemu-system-x86_64 on this machine, which boots the image; install QEMU "
            "(qemu-system-x86, qemu-system-x86-core).");
        return EXIT_STATUS_UNTRIED;
}

/* What a unified kernel image says, then --append=. */
static int collect_words(Try *t) {
        const Uki *uki = image_uki(t->image);
        _cleanup_free_ char *text = NULL;
        _cleanup_strv_free_ char **more = NULL;
        int r;

        if (uki && uki->command_line.data) {
                text = bytes_to_string(uki->command_line.data, uki->command_line.size);
                if (!text)
                        return -ENOMEM;
                r = strv_split(&t->words, text, " \t\n");
                if (r < 0)
                        return r;
        }
        r = strv_split(&more, arg_append ?: "", " \t\n");
        STRV_FOREACH(word, more)
                if (r >= 0)
                        r = strv_extend(&t->words, *word);
        return r;
}

static int new_marker(char **ret) {
        uint8_t uuid[UUID_BYTES];
        char text[UUID_TEXT];
        int r;

        r = uuid_random(uuid);
        if (r < 0)
                return r;
        uuid_to_text(uuid, text);
        return str_printf(ret, "INITRDD-TRY %s", text);
}

typedef struct Bytes {
        char *data;
        size_t size;
} Bytes;

static int append_bytes(void *userdata, const void *data, size_t size) {
        Bytes *b = userdata;

        memcpy(b->data + b->size, data, size);
        b->size += size;
        return 0;
}

static int add_device(Try *t, const char *directory, const char *name) {
        char *path;

        if (!name)
                return 0;
        path = path_join(directory, name);
        return path ? strv_consume(&t->devices, path) : -ENOMEM;
}

static int add_devices(Try *t) {
        const TryRoot *root = &t->root;
        _cleanup_free_ char *group = NULL;
        int r;

        r = add_device(t, "/dev/disk/by-uuid", root->uuid);
        if (r >= 0)
                r = add_device(t, "/dev/disk/by-label", root->label);
        if (r >= 0)
                r = add_device(t, "/dev/disk/by-partuuid", root->partition_uuid);
        if (r >= 0)
                r = add_device(t, "/dev/disk/by-partlabel", root->partition_label);
        if (r >= 0)
                r = add_device(t, "/dev/disk/by-uuid", root->luks_uuid);
        if (r >= 0)
                r = add_device(t, "/dev/disk/by-uuid", root->usr_uuid);
        if (r >= 0)
                r = add_device(t, "/dev/disk/by-uuid", root->resume_uuid);
        if (r < 0 || !root->group)
                return r;
        group = path_join("/dev", root->group);
        return group ? add_device(t, group, root->volume) : -ENOMEM;
}

/* What opens the encrypted layer: a key file that the image has, or what is typed. */
static int find_key(Try *t, Bytes *ret) {
        const TreeNode *node = t->root.key ? tree_resolve(t->tree->tree, t->root.key) : NULL;

        if (node && S_ISREG(node->file->mode) && node->file->size > 0 &&
            node->file->size <= KEY_MAX) {
                ret->data = malloc(node->file->size);
                if (!ret->data)
                        return -ENOMEM;
                return image_tree_read(t->tree, node->file, append_bytes, ret);
        }
        t->passphrase = strdup("initrdd-try");
        ret->data = strdup("initrdd-try");
        if (!t->passphrase || !ret->data)
                return -ENOMEM;
        ret->size = strlen(ret->data);
        return 0;
}

/* A server of NFS or iSCSI would be this machine's, and root's. */
static int refuse_network(const Try *t) {
        bool nbd = streq(t->root.unserved, "NBD");

        say("%s: Its root comes over the network, by %s, %s; name a disk with --root-image= and "
            "--append=root=…, or try it with one that is made for --append=root=LABEL=….",
            t->path, t->root.unserved,
            nbd ? "and it has no driver for a network card of QEMU's"
                : "which only a server of this machine's own could serve, set up by root");
        return EXIT_STATUS_UNTRIED;
}

/* Words of the image's own network would have it look for a server that is not here. */
static int replace_words(Try *t) {
        _cleanup_strv_free_ char **kept = NULL;

        STRV_FOREACH(word, t->words)
                if (!(t->root.card && try_network_replaces(*word)) &&
                    strv_extend(&kept, *word) < 0)
                        return -ENOMEM;
        STRV_FOREACH(word, t->root.words)
                if (strv_extend(&kept, *word) < 0)
                        return -ENOMEM;
        strv_free(t->words);
        t->words = TAKE_PTR(kept);
        return 0;
}

static int serve_root(Try *t) {
        _cleanup_free_ char *word = NULL;
        int status;

        if (!t->root.card)
                return EXIT_STATUS_DONE;
        status = try_server_start(&t->server, t->disks[0]);
        if (status != EXIT_STATUS_DONE)
                return status;
        t->machine.card = t->root.card;
        return str_printf(&word, "netroot=nbd:" TRY_SERVER ":%u", t->server.port) < 0 ||
                                               strv_extend(&t->words, word) < 0 ||
                                               strv_extend(&t->words, "ip=dhcp") < 0 ||
                                               strv_extend(&t->words, "rd.neednet=1") < 0
                               ? try_cannot(t, -ENOMEM)
                               : EXIT_STATUS_DONE;
}

static int make_root(Try *t) {
        Bytes key = {};
        int r, status;

        r = try_root_choose(&t->root, t->tree, t->described, t->words);
        if (r >= 0 && t->root.unserved)
                return refuse_network(t);
        if (r >= 0)
                r = add_devices(t);
        if (r >= 0)
                r = new_marker(&t->marker);
        if (r >= 0 && t->root.luks_uuid)
                r = find_key(t, &key);
        if (r >= 0)
                r = replace_words(t);
        status = r < 0 ? try_cannot(t, r)
                       : try_disk_make(t->directory, &t->root, t->marker, key.data, key.size,
                                       &t->disks);
        free(key.data);
        t->machine.format = "raw";
        t->machine.bus = t->root.bus;
        return status == EXIT_STATUS_DONE ? serve_root(t) : status;
}

static int use_root_image(Try *t) {
        _cleanup_free_ char *root = NULL, *word = NULL;
        int r;

        r = root_image_look(arg_root_image, &t->machine.format, &root);
        if (r < 0) {
                say("%s: It can't be read: %s", arg_root_image, strerror(-r));
                return r == -ENOENT ? EXIT_STATUS_NOT_FOUND : EXIT_STATUS_FAILED;
        }
        r = strv_extend(&t->disks, arg_root_image);
        if (r >= 0 && root && !words_get(t->words, "root"))
                r = str_printf(&word, "root=%s", root);
        if (r >= 0 && word)
                r = strv_extend(&t->words, word);
        if (r < 0)
                return try_cannot(t, r);
        if (!root && !words_get(t->words, "root") && !arg_quiet)
                say("warning: %s: What on it is the root can't be told; say it with "
                    "--append=root=….",
                    arg_root_image);
        t->machine.bus = try_bus_choose(t->tree, t->described);
        return EXIT_STATUS_DONE;
}

/* All that the console is to say, and no picture over it. The image's own words come last. */
static int join_words(Try *t) {
        static const char *const first[] = {
                "console=ttyS0",     "panic=-1",
                "loglevel=7",        "systemd.show_status=1",
                "plymouth.enable=0", "systemd.journald.forward_to_console=1"
        };
        _cleanup_strv_free_ char **all = NULL;
        bool mode = false;

        for (size_t i = 0; i < ELEMENTSOF(first); i++)
                if (strv_extend(&all, first[i]) < 0)
                        return -ENOMEM;
        STRV_FOREACH(word, t->words) {
                /* Of a machine with a screen. */
                if (startswith(*word, "console=") || streq(*word, "quiet") ||
                    streq(*word, "splash"))
                        continue;
                mode = mode || streq(*word, "ro") || streq(*word, "rw");
                if (strv_extend(&all, *word) < 0)
                        return -ENOMEM;
        }
        if (!mode && strv_extend(&all, "ro") < 0)
                return -ENOMEM;
        t->command_line = strv_join(all, " ");
        return t->command_line ? 0 : -ENOMEM;
}

/* What is unpacked stands beside the image for a while, and a system needs some, too. */
static unsigned memory_needed(const Try *t) {
        uint64_t bytes = image_size(t->image);

        for (size_t i = 0; i < t->tree->tree->n_files; i++)
                bytes += t->tree->tree->files[i]->size;
        return (unsigned) MIN_OF(MAX_OF(bytes / MIB * 2 + 512, (uint64_t) MEMORY_MIN),
                                 (uint64_t) MEMORY_MAX);
}

/* Of a unified kernel image the part that it is. */
static int write_initrd(Try *t) {
        uint64_t size = image_size(t->image);

        /* One that the service has read for us QEMU can't open either. */
        if (!image_uki(t->image) && access(t->path, R_OK) >= 0) {
                t->initrd = strdup(t->path);
                return t->initrd ? 0 : -ENOMEM;
        }
        t->initrd = path_join(t->directory, "initrd");
        return !t->initrd ? -ENOMEM
                          : file_replace_at(AT_FDCWD, t->initrd, image_bytes(t->image, 0, size),
                                            size, 0600);
}

static int prepare_machine(Try *t) {
        int r;

        r = write_initrd(t);
        if (r >= 0)
                r = join_words(t);
        t->machine.kvm = machine_has_kvm();
        if (r >= 0 && !t->machine.kvm)
                r = try_kernel_unpack(t->kernel, t->directory, &t->unpacked);
        if (r < 0)
                return try_cannot(t, r);
        t->machine.qemu = t->qemu;
        t->machine.kernel = t->unpacked ?: t->kernel;
        t->machine.image = t->initrd;
        t->machine.command_line = t->command_line;
        t->machine.disks = t->disks;
        t->machine.memory = memory_needed(t);
        t->machine.passphrase = t->passphrase;
        t->machine.timeout = arg_timeout;
        return EXIT_STATUS_DONE;
}

static void tell_machine(const Try *t) {
        _cleanup_free_ char *root = try_describe_root(t), *not_tried = NULL;

        if (arg_quiet)
                return;
        say("%s with the kernel %s; the root is %s, the disk %s; %s, %u MiB.", t->path, t->kernel,
            root ?: "", t->machine.bus->name, t->machine.kvm ? "KVM" : "emulated",
            t->machine.memory);
        not_tried = t->root.not_tried ? strv_join(t->root.not_tried, ", ") : NULL;
        if (not_tried)
                say("Not tried: %s, which the image is for and the scratch root is not; "
                    "--root-image= takes a disk that is.",
                    not_tried);
}

static int start(Try *t) {
        console_done(&t->console);
        console_init(&t->console, t->marker, t->devices);
        return machine_run(&t->machine, &t->console, arg_console ? STDERR_FILENO : -1,
                           &t->seconds);
}

static int run(Try *t) {
        int r;

        r = start(t);
        /* A processor that QEMU doesn't get along with; a machine in a machine. */
        if (r >= 0 && t->machine.kvm && t->console.step < 0 && t->console.end != CONSOLE_BOOTED) {
                t->machine.kvm = false;
                if (!arg_quiet)
                        say("warning: KVM does not start it; once more, emulated.");
                r = start(t);
        }
        if (r == -ECANCELED) {
                say("Cancelled.");
                return EXIT_STATUS_CANCELLED;
        }
        if (r < 0) {
                say("%s can't be run: %s", t->qemu, strerror(-r));
                return EXIT_STATUS_UNTRIED;
        }
        if (arg_console)
                fputc('\n', stderr);
        if (t->console.step < 0 && !try_ran_out(t)) {
                say("%s did not start the machine: %s", t->qemu,
                    t->console.last ?: "it says no reason");
                return EXIT_STATUS_UNTRIED;
        }
        return try_give_result(t);
}

static int open_image(Try *t, const char *argument) {
        int r;

        r = image_from_argument(argument, &t->image, &t->path);
        if (r != 0)
                return r;
        r = image_tree_new(&t->tree, t->image, false);
        if (r >= 0) {
                r = described_find(t->image, &t->described);
                r = r == -ENOMEM ? r : 0;
        }
        return r < 0 ? try_cannot(t, r) : EXIT_STATUS_DONE;
}

int verb_try(int argc, char *argv[]) {
        _cleanup_(try_done) Try t = {};
        int r;

        r = open_image(&t, argv[1]);
        if (r == EXIT_STATUS_DONE)
                r = find_qemu(&t);
        if (r == EXIT_STATUS_DONE && scratch_make(&t.directory) < 0)
                r = EXIT_STATUS_FAILED;
        if (r == EXIT_STATUS_DONE)
                r = try_kernel_find(t.image, t.tree, t.described, t.directory, &t.kernel);
        if (r == EXIT_STATUS_DONE && collect_words(&t) < 0)
                r = try_cannot(&t, -ENOMEM);
        if (r == EXIT_STATUS_DONE)
                r = arg_root_image ? use_root_image(&t) : make_root(&t);
        if (r == EXIT_STATUS_DONE)
                r = prepare_machine(&t);
        if (r != EXIT_STATUS_DONE)
                return r;
        tell_machine(&t);
        return run(&t);
}
