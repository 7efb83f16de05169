/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "pack/join.h"
#include "string-util.h"

#define RUN_SIZE_MAX (UINT64_C(64) << 20)

bool compression_joins(Compression c) {
        return c == COMPRESSION_ZSTD || c == COMPRESSION_XZ;
}

static bool may_join(const Fragment *f) {
        return f->n_parts == 0 && (f->scope == SCOPE_KERNEL || f->scope == SCOPE_SHARED);
}

/* The fragments from `first` on that belong together; at least itself. */
static size_t count_run(const Fragments *fs, size_t first, uint64_t *ret_raw_size) {
        uint64_t size = fs->fragments[first]->raw_size;
        size_t n = 1;

        for (; first + n < fs->n; n++) {
                const Fragment *f = fs->fragments[first + n];

                if (!may_join(f) || f->scope != fs->fragments[first]->scope ||
                    size + f->raw_size > RUN_SIZE_MAX)
                        break;
                size += f->raw_size;
        }
        *ret_raw_size = size;
        return n;
}

static XXH128_hash_t hash_run(const Fragments *fs, const Run *run) {
        XXH3_state_t *state = XXH3_createState();
        XXH128_hash_t hash;

        XXH3_128bits_reset(state);
        for (size_t i = 0; i < run->n; i++) {
                XXH128_hash_t part = fs->fragments[run->first + i]->content;

                XXH3_128bits_update(state, &part, sizeof(part));
        }
        hash = XXH3_128bits_digest(state);
        XXH3_freeState(state);
        return hash;
}

bool run_find(const Fragments *fs, size_t from, Run *ret) {
        for (size_t i = from; i < fs->n;) {
                Run run = { .first = i, .n = 1 };

                if (may_join(fs->fragments[i]))
                        run.n = count_run(fs, i, &run.raw_size);
                if (run.n > 1) {
                        run.content = hash_run(fs, &run);
                        *ret = run;
                        return true;
                }
                i += run.n;
        }
        return false;
}

static int add_part(Fragment *joined, const Fragment *part) {
        if (!GREEDY_REALLOC(joined->entries, joined->allocated_entries,
                            joined->n_entries + part->n_entries))
                return -ENOMEM;
        memcpy(joined->entries + joined->n_entries, part->entries,
               part->n_entries * sizeof(Entry *));
        joined->n_entries += part->n_entries;
        STRV_FOREACH(module, part->modules) {
                int r = strv_extend_unique(&joined->modules, *module);

                if (r < 0)
                        return r;
        }
        return 0;
}

int fragments_join(Fragments *fs, const Run *run) {
        Fragment **first = fs->fragments + run->first;
        Fragment *joined = calloc(1, sizeof(Fragment));
        int r;

        if (!joined)
                return -ENOMEM;
        joined->fd = -EBADF;
        joined->scope = first[0]->scope;
        joined->content = run->content;
        joined->raw_size = run->raw_size;
        r = str_printf(&joined->name, "%s+%zu", first[0]->name, run->n - 1);
        for (size_t i = 0; i < run->n && r >= 0; i++)
                r = add_part(joined, first[i]);
        if (r >= 0) {
                joined->parts = calloc(run->n, sizeof(Fragment *));
                r = joined->parts ? 0 : -ENOMEM;
        }
        if (r < 0) {
                fragment_free(joined);
                return r;
        }
        memcpy(joined->parts, first, run->n * sizeof(Fragment *));
        joined->n_parts = run->n;
        first[0] = joined;
        memmove(first + 1, first + run->n, (fs->n - run->first - run->n) * sizeof(Fragment *));
        fs->n -= run->n - 1;
        return 0;
}
