/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which root an image is tried with: what its modules are there for, what it has in it, and the words of
 * the command line. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "path-util.h"
#include "string-util.h"
#include "try/try-root.h"

#define UUID "0f0e0d0c-0b0a-4908-8706-050403020100"
#define OTHER "11111111-2222-4333-8444-555555555555"

/* What is random is told as "new". */
static const char *known(const char *uuid) {
        return !uuid ? "-" : streq(uuid, UUID) ? "UUID" : streq(uuid, OTHER) ? "OTHER" : "new";
}

static char *describe(const TryRoot *root) {
        _cleanup_free_ char *not_tried = strv_join(root->not_tried, ",");
        char *text, luks[64] = "", md[64] = "";

        if (root->luks_uuid)
                snprintf(luks, sizeof(luks), " luks%u=%s:%s:%s", root->luks_version,
                         known(root->luks_uuid), root->luks_name ?: "", root->key ?: "");
        if (root->md_uuid)
                snprintf(md, sizeof(md), " raid%u=%s", root->md_level, known(root->md_uuid));
        assert_true(str_printf(&text, "%s %s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s", root->filesystem,
                               known(root->uuid), root->label ? " label=" : "", root->label ?: "",
                               !root->group                        ? ""
                               : root->lvm_kind == LVM_THIN  ? " thin lvm="
                               : root->lvm_kind == LVM_CACHE ? " cached lvm="
                                                             : " lvm=",
                               root->group ?: "",
                               root->group ? "/" : "", root->volume ?: "", luks, md,
                               root->partition_uuid ? " part" : "",
                               root->usr_uuid ? " usr=" : "",
                               root->usr_uuid ? known(root->usr_uuid) : "",
                               root->resume_uuid ? " swap=" : "",
                               root->resume_uuid ? known(root->resume_uuid) : "",
                               root->card ? " card=" : "", root->card ? root->card->device : "",
                               root->unserved ? " unserved=" : "", root->unserved ?: "",
                               *not_tried ? " not:" : "") >= 0);
        if (*not_tried) {
                char *longer;

                assert_true(str_printf(&longer, "%s%s", text, not_tried) >= 0);
                free(text);
                text = longer;
        }
        return text;
}

/* An image of "PATH[=CONTENT]" words; parents are made. */
static void write_image(CpioWriter *w, const char *files) {
        _cleanup_strv_free_ char **paths = NULL;

        assert_int_equal(strv_split(&paths, files, ";"), 0);
        STRV_FOREACH(path, paths) {
                char *equals = strchr(*path, '='), *content;
                size_t size;

                if (equals)
                        *equals++ = '\0';
                for (char *slash = strchr(*path, '/'); slash; slash = strchr(slash + 1, '/')) {
                        *slash = '\0';
                        assert_int_equal(cpio_write_directory(w, *path, 0755), 0);
                        *slash = '/';
                }
                size = strlen(equals ?: "");
                assert_int_equal(cpio_write_file(w, *path, 0644, size, &content), 0);
                memcpy(content, equals ?: "", size);
        }
        assert_int_equal(cpio_write_trailer(w), 0);
}

static void check(const char *files, const char *facts, const char *line, const char *expected) {
        _cleanup_(image_tree_freep) ImageTree *tree = NULL;
        _cleanup_(image_freep) Image *image = NULL;
        _cleanup_strv_free_ char **words = NULL, **tags = NULL;
        _cleanup_free_ char *text = NULL;
        DescribedModule modules[8] = {};
        Described described = { .modules = modules };
        CpioWriter w = {};
        TryRoot root;

        write_image(&w, files);
        assert_int_equal(image_new(&image, w.data, w.size), 0);
        assert_int_equal(image_tree_new(&tree, image, false), 0);
        assert_int_equal(strv_split(&words, line, " "), 0);
        assert_int_equal(strv_split(&tags, facts ?: "", " "), 0);
        STRV_FOREACH(tag, tags)
                assert_true(str_printf(&modules[described.n_modules++].reason, "fact %s", *tag) >= 0);
        assert_int_equal(try_root_choose(&root, tree, facts ? &described : NULL, words), 0);
        text = describe(&root);
        if (!streq(text, expected))
                print_error("[%s] [%s] [%s]\n", files, facts ?: "", line);
        assert_string_equal(text, expected);
        try_root_done(&root);
        for (size_t i = 0; i < described.n_modules; i++)
                free(modules[i].reason);
        cpio_writer_done(&w);
}

#define DRIVER(name) "lib/modules/1/kernel/" name ".ko;"
#define CARD DRIVER("virtio_net") DRIVER("virtio_pci")

static void test_choices(void **state) {
        static const struct {
                const char *files, *facts, *words, *expected;
        } cases[] = {
                { "x", NULL, "", "ext4 new" },
                { DRIVER("xfs") DRIVER("btrfs"), NULL, "root=LABEL=it", "xfs new label=it" },
                { DRIVER("xfs"), "fs:btrfs", "", "btrfs new" },
                { "x", "fs:ext4", "rootfstype=f2fs root=PARTUUID=" UUID, "f2fs new part not:fs:ext4" },
                /* Encrypted: as it is written, with the key that is there, and for what can be opened. */
                { "x", "fs:ext4 block:crypt", "", "ext4 new luks2=new::" },
                { "usr/lib/libcryptsetup.so.4.7.0", NULL, "rd.luks.name=" UUID "=vault",
                  "ext4 new luks1=UUID:vault:" },
                { "usr/lib/libcryptsetup.so.4;usr/lib/libcryptsetup.so.12", NULL, "rd.luks.uuid=luks-" UUID,
                  "ext4 new luks2=UUID::" },
                { "etc/crypttab=a UUID=" OTHER " /etc/k;etc/k=x", NULL, "root=/dev/mapper/a",
                  "ext4 new luks2=OTHER:a:/etc/k" },
                { "x", NULL, "root=/dev/mapper/a--b-c", "ext4 new lvm=a-b/c" },
                { "x", "block:lvm block:dm", "root=/dev/vg/lv", "ext4 new lvm=vg/lv" },
                /* The level that the image is for; else what it has drivers for. */
                { "x", "block:md-raid10", "rd.md.uuid=" UUID, "ext4 new raid10=UUID" },
                { "x", "block:md-raid1", "", "ext4 new raid1=new" },
                { "x", "block:md-raid5 block:md-raid6", "", "ext4 new raid5=new not:block:md-raid6" },
                { "x", "block:md", "", "ext4 new raid1=new" },
                { DRIVER("raid456"), NULL, "rd.md.uuid=" UUID, "ext4 new raid5=UUID" },
                { DRIVER("raid0"), "block:md", "", "ext4 new raid0=new" },
                { DRIVER("raid0") DRIVER("raid1"), "block:md", "", "ext4 new raid1=new" },
                { "x", "block:md-linear block:md", "", "ext4 new raid1=new not:block:md-linear" },
                /* Beside the root. */
                { "x", "resume", "", "ext4 new swap=new" },
                { "x", "resume", "resume=UUID=" UUID, "ext4 new swap=UUID" },
                { "x", NULL, "resume=" UUID " mount.usr=UUID=" OTHER, "ext4 new usr=OTHER swap=UUID" },
                { "x", "resume", "resume=/dev/sda2 mount.usr=LABEL=u",
                  "ext4 new not:resume=/dev/sda2,mount.usr=LABEL=u,resume" },
                /* What can't be made is told, and a plain root is. */
                /* Over the network: a disk on NBD, with a card that there is a driver for. What is said
                 * comes before what the image is for. */
                { CARD, "block:nbd net fs:xfs", "", "xfs new card=virtio-net-pci" },
                { CARD, NULL, "root=nbd:a:b:xfs ip=10.0.0.1", "ext4 new card=virtio-net-pci" },
                { CARD, NULL, "root=LABEL=x netroot=nbd:a:1", "ext4 new label=x card=virtio-net-pci" },
                { DRIVER("e1000"), NULL, "root=/dev/nbd0 nbdroot=a,b", "ext4 new card=e1000" },
                { CARD, "block:nbd net block:lvm", "", "ext4 new lvm=initrddtry/root card=virtio-net-pci" },
                { CARD, "block:nbd net", "root=LABEL=x", "ext4 new label=x not:block:nbd,net" },
                { "x", "block:nbd net", "", "ext4 new unserved=NBD not:block:nbd,net" },
                { CARD, "fs:ext4 block:iscsi net", "", "ext4 new unserved=iSCSI not:block:iscsi,net" },
                { CARD, NULL, "root=LABEL=x netroot=iscsi:a::::b", "ext4 new label=x unserved=iSCSI" },
                { "x", "fs:nfs net", "", "ext4 new unserved=NFS not:fs:nfs,net" },
                { "x", NULL, "root=/dev/nfs nfsroot=a:/b", "ext4 new unserved=NFS not:root=/dev/nfs" },
                { "x", "fs:nfs net", "root=nfs:a:/b", "ext4 new unserved=NFS not:root=nfs:a:/b,fs:nfs,net" },
                { "x", "block:lvm-vdo block:lvm live", "", "ext4 new lvm=initrddtry/root not:block:lvm-vdo,live" },
                { "x", "block:lvm-thin block:lvm", "", "ext4 new thin lvm=initrddtry/root" },
                { "x", "block:lvm-cache block:lvm", "root=/dev/a/b", "ext4 new cached lvm=a/b" },
                { "x", "block:lvm-thin block:lvm-cache block:lvm", "",
                  "ext4 new thin lvm=initrddtry/root not:block:lvm-cache" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                check(cases[i].files, cases[i].facts, cases[i].words, cases[i].expected);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_choices),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
