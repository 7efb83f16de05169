/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Writes the corpora of what the store keeps, corpus/{trace,collection,record}, with the engine's
 * own hand: when a form changes, `ninja tests/fuzz/make-kept-corpus` and run it with that directory. */

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "collect/collection.h"
#include "fd-util.h"
#include "image/record.h"
#include "string-util.h"

static int corpus_fd;

static void check(int r) {
        if (r >= 0)
                return;
        fprintf(stderr, "%s\n", strerror(-r));
        exit(1);
}

static void put(const char *kind, const char *name, char *data, size_t size) {
        _cleanup_free_ char *path = NULL;

        check(mkdir_parents(kind, 0755));
        check(str_printf(&path, "%s/%s", kind, name));
        check(file_replace_at(corpus_fd, path, data, size, 0644));
        free(data);
}

static const struct stat st = {
        .st_ino = 7,
        .st_mode = S_IFREG | 0644,
        .st_size = 3,
        .st_mtim = { .tv_sec = 1 },
        .st_ctim = { .tv_sec = 2 },
};
static char *names[] = { (char *) "a", (char *) "b", NULL };

/* The first `n` kinds of entry. */
static Trace *make_trace(unsigned n) {
        Trace *t;

        check(trace_new(&t));
        if (n > 0)
                check(trace_add_missing(t, "/etc/nothing"));
        if (n > 1)
                check(trace_add_link(t, "/lib", "usr/lib"));
        if (n > 2)
                check(trace_add_directory(t, "/usr", &st));
        if (n > 3)
                check(trace_add_list(t, "/usr/lib", &st, NULL, names));
        if (n > 4)
                check(trace_add_list(t, "/usr/lib", &st, "*.so", names));
        if (n > 5) {
                check(trace_add_file(t, "/usr/lib/a", &st));
                check(trace_set_hash(t, "/usr/lib/a", XXH3_128bits("abc", 3)));
        }
        if (n > 6) {
                check(trace_add_file(t, "/usr/lib/b", &st));
                check(trace_set_needs(t, "/usr/lib/b", XXH3_128bits("abc", 3), 7));
        }
        return t;
}

static void write_trace(const char *name, unsigned n) {
        _cleanup_(trace_freep) Trace *t = make_trace(n);
        char *data;
        size_t size;

        check(trace_serialize(t, &data, &size));
        put("trace", name, data, size);
}

static void write_collection(const char *name, bool full, const char *missing) {
        _cleanup_(collection_freep) Collection *c = NULL;
        char *data;
        size_t size;

        check(collection_new(&c));
        if (missing)
                c->missing = strdup(missing);
        if (full) {
                trace_free(c->trace);
                c->trace = make_trace(7);
                check(manifest_add_directory(c->manifest, "/usr", 0755, "why"));
                check(manifest_add_symlink(c->manifest, "/lib", "usr/lib", "why"));
                check(manifest_add_data(c->manifest, "/usr/a", 0644, strdup("abc"), 3, "why", NULL));
                check(strv_extend(&c->drivers, "ext4"));
                check(strv_extend(&c->load, "ext4"));
                check(strv_extend(&c->users, "root"));
                check(strv_extend(&c->groups, "disk"));
                check(strv_extend(&c->groups, "tape"));
        }
        check(collection_serialize(c, &data, &size));
        put("collection", name, data, size);
}

static void write_record(const char *name, unsigned n) {
        _cleanup_(image_record_freep) ImageRecord *r = NULL;
        char *data;
        size_t size;

        check(image_record_new(&r));
        r->output = strdup("/boot/initrd.img-6.1");
        r->kernel = strdup("6.1");
        r->profile = strdup("default");
        r->n_fragments = r->n_collections = n;
        r->fragments = calloc(n + 1, sizeof(StoredFragment));
        r->collections = calloc(n + 1, sizeof(XXH128_hash_t));
        r->trace = make_trace(n);
        check(image_record_serialize(r, &data, &size));
        put("record", name, data, size);
}

int main(int argc, char *argv[]) {
        if (argc != 2 || chdir(argv[1]) < 0) {
                fprintf(stderr, "usage: make-kept-corpus CORPUS\n");
                return 2;
        }
        corpus_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        write_trace("empty", 0);
        write_trace("missing", 1);
        write_trace("all", 7);
        write_collection("empty", false, NULL);
        write_collection("missing", false, "Binary=x: there is no program x");
        write_collection("all", true, NULL);
        write_record("empty", 0);
        write_record("all", 7);
        return 0;
}
