/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * On disk: the header, then the trace, the manifest and the strings, each as its own serialisation
 * has it; the strings are lists of NUL-terminated ones, each list ended by an empty one.
 */

#include <stdio.h>

#include "collect/collection.h"
#include "string-util.h"

typedef struct CollectionHeader {
        char magic[8];
        uint64_t trace_size, manifest_size, strings_size;
        uint64_t checksum; /* XXH3-64 of the strings; the others carry their own */
} CollectionHeader;

static const char collection_magic[8] = "IRDCOL1";

int collection_new(Collection **ret) {
        _cleanup_(collection_freep) Collection *c = calloc(1, sizeof(Collection));
        int r;

        if (!c)
                return -ENOMEM;
        r = manifest_new(&c->manifest);
        if (r >= 0)
                r = trace_new(&c->trace);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

Collection *collection_free(Collection *c) {
        if (!c)
                return NULL;
        manifest_free(c->manifest);
        trace_free(c->trace);
        strv_free(c->drivers);
        strv_free(c->load);
        strv_free(c->users);
        strv_free(c->groups);
        free(c->missing);
        free(c);
        return NULL;
}

static void write_list(FILE *f, char *const *l) {
        STRV_FOREACH(s, l)
                fwrite(*s, 1, strlen(*s) + 1, f);
        fputc('\0', f);
}

static int read_list(const char **p, const char *end, char ***ret) {
        int r;

        while (*p < end && **p) {
                r = strv_extend(ret, *p);
                if (r < 0)
                        return r;
                *p += strlen(*p) + 1;
        }
        if (*p >= end)
                return -EBADMSG;
        (*p)++;
        return 0;
}

static int strings_serialize(const Collection *c, char **ret, size_t *ret_size) {
        char *missing[] = { c->missing, NULL };
        FILE *f;

        f = open_memstream(ret, ret_size);
        if (!f)
                return -ENOMEM;
        write_list(f, c->drivers);
        write_list(f, c->load);
        write_list(f, c->users);
        write_list(f, c->groups);
        write_list(f, missing);
        return fclose(f) == 0 ? 0 : -ENOMEM;
}

int collection_serialize(const Collection *c, char **ret, size_t *ret_size) {
        _cleanup_free_ char *trace = NULL, *manifest = NULL, *strings = NULL;
        CollectionHeader header = {};
        size_t trace_size, manifest_size, strings_size, size;
        char *data, *p;
        int r;

        r = trace_serialize(c->trace, &trace, &trace_size);
        if (r >= 0)
                r = manifest_serialize(c->manifest, &manifest, &manifest_size);
        if (r >= 0)
                r = strings_serialize(c, &strings, &strings_size);
        if (r < 0)
                return r;
        memcpy(header.magic, collection_magic, sizeof(collection_magic));
        header.trace_size = trace_size;
        header.manifest_size = manifest_size;
        header.strings_size = strings_size;
        header.checksum = XXH3_64bits(strings, strings_size);

        size = sizeof(header) + trace_size + manifest_size + strings_size;
        p = data = malloc(size);
        if (!data)
                return -ENOMEM;
        p = mempcpy(p, &header, sizeof(header));
        p = mempcpy(p, trace, trace_size);
        p = mempcpy(p, manifest, manifest_size);
        memcpy(p, strings, strings_size);
        *ret = data;
        *ret_size = size;
        return 0;
}

int collection_deserialize(const char *data, size_t size, Collection **ret) {
        _cleanup_(collection_freep) Collection *c = NULL;
        _cleanup_strv_free_ char **missing = NULL;
        CollectionHeader header;
        const char *p, *end = data + size;
        int r;

        if (size < sizeof(header))
                return -EBADMSG;
        memcpy(&header, data, sizeof(header));
        size -= sizeof(header);
        if (memcmp(header.magic, collection_magic, sizeof(collection_magic)) != 0 ||
            header.trace_size > size || header.manifest_size > size - header.trace_size ||
            header.strings_size != size - header.trace_size - header.manifest_size)
                return -EBADMSG;

        c = calloc(1, sizeof(Collection));
        if (!c)
                return -ENOMEM;
        p = data + sizeof(header);
        r = trace_deserialize(p, header.trace_size, &c->trace);
        if (r < 0)
                return r;
        p += header.trace_size;
        r = manifest_deserialize(p, header.manifest_size, &c->manifest);
        if (r < 0)
                return r;
        p += header.manifest_size;
        if (header.strings_size == 0 || end[-1] != '\0' ||
            XXH3_64bits(p, header.strings_size) != header.checksum)
                return -EBADMSG;
        r = read_list(&p, end, &c->drivers);
        if (r >= 0)
                r = read_list(&p, end, &c->load);
        if (r >= 0)
                r = read_list(&p, end, &c->users);
        if (r >= 0)
                r = read_list(&p, end, &c->groups);
        if (r >= 0)
                r = read_list(&p, end, &missing);
        if (r < 0)
                return r;
        if (strv_length(missing) > 1 || p != end)
                return -EBADMSG;
        if (missing)
                c->missing = TAKE_PTR(missing[0]);
        *ret = TAKE_PTR(c);
        return 0;
}
