/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "collect-place.h"

void put_elf(ConfTree *t, const char *path, const ElfSpec *spec) {
        _cleanup_free_ char *full = path_join(t->path, path);

        assert_int_equal(elf_build_file(full, spec), 0);
}

void put_loader(ConfTree *t, const char *paths, size_t size) {
        put_elf(t, LIB "ld-linux-x86-64.so.2", &(ElfSpec) { .extra = paths, .extra_size = size });
}

static void put(ConfTree *t, const char *path, const char *interpreter, const char *needed,
                const char *extra) {
        const char *names[] = { needed, NULL };

        put_elf(t, path,
                &(ElfSpec) {
                        .interpreter = interpreter,
                        .needed = needed ? names : NULL,
                        .extra = extra,
                        .extra_size = extra ? strlen(extra) : 0,
                });
}

void put_library(ConfTree *t, const char *path, const char *needed, const char *extra) {
        put(t, path, NULL, needed, extra);
}

void put_program(ConfTree *t, const char *path, const char *needed, const char *extra) {
        put(t, path, INTERPRETER, needed, extra);
}

void put_mode(ConfTree *t, const char *path, const char *content, mode_t mode) {
        conf_tree_put(t, path, content);
        assert_int_equal(fchmodat(t->fd, path, mode, 0), 0);
}

void place_make_root(ConfTree *t) {
        put_loader(t, LOADER_PATHS, sizeof(LOADER_PATHS));
        conf_tree_link(t, "usr/lib64/ld-linux-x86-64.so.2",
                       "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2");
        conf_tree_link(t, "bin", "usr/bin");
        conf_tree_link(t, "sbin", "usr/sbin");
        conf_tree_link(t, "lib", "usr/lib");
        conf_tree_link(t, "lib64", "usr/lib64");
        put_library(t, LIB "libc.so.6", NULL, NULL);
        put_library(t, LIB "liba.so.1.0", "libb.so", NULL);
        conf_tree_link(t, LIB "liba.so.1", "liba.so.1.0");
        put_library(t, LIB "libb.so", "libc.so.6", NULL);
        put_library(t, LIB "libneedy.so", "libmissing.so", NULL);
        put_program(t, "usr/bin/prog", "liba.so.1", NULL);
        put_program(t, "usr/bin/broken", "libmissing.so", NULL);
        put_program(t, "usr/bin/deep", "libneedy.so", NULL);
        put_program(t, "usr/bin/dash", "libc.so.6", NULL);
        conf_tree_link(t, "usr/bin/sh", "dash");
        put_mode(t, "usr/sbin/script", "#!/bin/sh -e\n", 0755);
        put_mode(t, "usr/sbin/orphan", "#!/usr/bin/perl\n", 0755);
        put_mode(t, "usr/sbin/needs-script", "#!/usr/sbin/orphan\n", 0755);
        put_mode(t, "usr/sbin/envy", "#!/usr/bin/env sh\n", 0755);
        put_program(t, "usr/bin/env", "libc.so.6", NULL);
        conf_tree_link(t, "usr/bin/vi", "/etc/alternatives/vi");
        conf_tree_link(t, "etc/alternatives/vi", "/usr/bin/prog");
        conf_tree_link(t, "usr/bin/dangling", "nowhere");
        conf_tree_link(t, "usr/bin/circle", "circle");
        conf_tree_put(t, "etc/conf.d/a.conf", "a");
        conf_tree_put(t, "etc/conf.d/b.conf", "b");
        conf_tree_put(t, "etc/conf.d/.hidden.conf", "c");
        conf_tree_put(t, "usr/share/tree/sub/file", "file");
        conf_tree_link(t, "usr/share/tree/link", "sub/file");
        assert_int_equal(mkdirat(t->fd, "usr/share/tree/empty", 0700), 0);
}

void place_new(Place **ret, void (*make_root)(ConfTree *t)) {
        Place *p = calloc(1, sizeof(Place));

        umask(022);
        assert_int_equal(conf_tree_setup((void **) &p->t), 0);
        told_init(&p->told);
        make_root(p->t);
        assert_int_equal(profile_new(&p->profile, "default"), 0);
        assert_int_equal(facts_new_generic(&p->facts), 0);
        p->kernel.version = (char *) "6.1-test";
        *ret = p;
}

void place_free(Place *p) {
        store_free(p->store);
        collector_free(p->collector);
        source_free(p->source);
        profile_free(p->profile);
        facts_free(p->facts);
        told_done(&p->told);
        assert_int_equal(conf_tree_teardown((void **) &p->t), 0);
        free(p);
}

void place_begin(Place *p) {
        collector_free(p->collector);
        source_free(p->source);
        p->source = conf_tree_source(p->t);
        assert_int_equal(collector_new(&p->collector, p->source, &p->told.report, &p->kernel,
                                       p->profile, p->facts),
                         0);
}

int place_setup(void **state) {
        Place *p;

        place_new(&p, place_make_root);
        place_begin(p);
        *state = p;
        return 0;
}

int place_teardown(void **state) {
        place_free(*state);
        return 0;
}

char *manifest_listing(const Manifest *m, bool directories) {
        _cleanup_free_ Entry **sorted = NULL;
        char *text = NULL;
        size_t n, size;
        FILE *out;

        out = open_memstream(&text, &size);
        assert_int_equal(manifest_sorted(m, &sorted, &n), 0);
        for (size_t i = 0; i < n; i++) {
                const Entry *e = sorted[i];

                if (e->type == ENTRY_SYMLINK)
                        fprintf(out, "%s -> %s\n", e->path, e->target);
                else if (e->type == ENTRY_DIRECTORY && directories)
                        fprintf(out, "%s/ %o\n", e->path, e->mode);
                else if (e->type == ENTRY_FILE && !e->source)
                        fprintf(out, "%s = %.*s\n", e->path, (int) e->size, e->data);
                else if (e->type == ENTRY_FILE && !streq(e->source, e->path))
                        fprintf(out, "%s < %s\n", e->path, e->source);
                else if (e->type == ENTRY_FILE)
                        fprintf(out, "%s\n", e->path);
        }
        fclose(out);
        return text;
}

Module *place_parse(Place *p, const char *content) {
        _cleanup_free_ char *text = NULL;
        Module *module;

        assert_true(str_printf(&text, "[Content]\n%s\n", content) >= 0);
        assert_int_equal(module_new(&module, "test"), 0);
        assert_int_equal(module_parse(module, &p->told.report, "/x/test.module", text,
                                      strlen(text)),
                         0);
        return module;
}

int place_collect(Place *p, const char *content, bool droppable, Collection **ret) {
        _cleanup_(module_freep) Module *module = place_parse(p, content);

        return collect_shared(p->collector, module, droppable, ret);
}

void place_check(Place *p, const Manifest *m) {
        STRMAP_FOREACH(item, &m->entries) {
                const Entry *e = item->value;
                _cleanup_free_ char *parent = path_dirname(e->path), *data = NULL;
                const Entry *directory = manifest_get(m, parent);
                size_t size;

                assert_true(streq(parent, "/") ||
                            (directory && directory->type == ENTRY_DIRECTORY));
                if (e->type != ENTRY_FILE || !e->source)
                        continue;
                assert_int_equal(source_read(p->source, NULL, e->source, &data, &size), 0);
                assert_int_equal(e->size, size);
                assert_true(XXH128_isEqual(e->hash, XXH3_128bits(data, size)));
        }
}

const char *content_of(const Collection *c, const char *path) {
        static char text[4096];
        const Entry *e = manifest_get(c->manifest, path);

        if (!e)
                return NULL;
        assert_true(e->size < sizeof(text));
        memcpy(text, e->data, e->size);
        text[e->size] = '\0';
        return text;
}
