/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Reading the drivers is most of what a cold build has to do before it packs: a generic image has
 * a hundred megabytes of them, and where they ship compressed it takes seconds of CPU time. So it
 * is done in two passes: first it is found out which files are wanted, which reads none of them;
 * then all are read by a few threads. A thread touches nothing but its file, and opens it through
 * the one call of the Source that any thread may make. What depends on the order, the manifest and
 * the trace, is made afterwards by the caller.
 *
 * A buffer is read into and not mapped: for files of this size that is faster, and a file that is
 * cut short meanwhile can't end us with SIGBUS.
 */

#include "collect/elf.h"
#include "collect/kernel-file.h"
#include "decompress.h"
#include "fd-util.h"
#include "parallel.h"
#include "path-util.h"
#include "source/trace.h"
#include "string-util.h"

#define FILE_SIZE_MAX ((size_t) 1024 * 1024 * 1024) /* a driver with debug information is large */
#define FILES_PER_THREAD 8U /* fewer are not worth a thread */

void kernel_file_free(void *p) {
        KernelFile *file = p;

        if (!file)
                return;
        free(file->source);
        strv_free(file->firmware);
        strv_free(file->softdeps);
        strv_free(file->weakdeps);
        free(file);
}

void kernel_files_done(KernelFiles *files) {
        strmap_done(&files->files);
        free(files->pending);
        *files = KERNEL_FILES_INIT;
}

int kernel_files_get(KernelFiles *files, Source *source, Trace *trace, const char *path,
                     bool driver, SourceLinks *links, KernelFile **ret) {
        _cleanup_free_ char *canonical = NULL;
        KernelFile *file;
        struct stat st;
        int r;

        r = source_resolve(source, trace, path, &canonical, &st, links);
        if (r < 0)
                return r;
        if (!S_ISREG(st.st_mode))
                return -ENXIO;
        file = strmap_get(&files->files, canonical);
        if (file) {
                *ret = file;
                return 0;
        }

        if (!GREEDY_REALLOC(files->pending, files->allocated_pending, files->n_pending + 1))
                return -ENOMEM;
        file = calloc(1, sizeof(KernelFile));
        if (!file)
                return -ENOMEM;
        file->compressed = compression_suffix(canonical);
        file->source = TAKE_PTR(canonical);
        file->mode = st.st_mode & 07777;
        file->driver = driver;
        r = strmap_put(&files->files, file->source, file);
        if (r < 0) {
                kernel_file_free(file);
                return r;
        }
        files->pending[files->n_pending++] = file;
        *ret = file;
        return 0;
}

/* .modinfo: "KEY=VALUE", each with a NUL behind it, zeros between. */
static int read_modinfo(KernelFile *file, const char *data, size_t size) {
        const char *info;
        size_t n;
        int r;

        r = elf_section(data, size, ".modinfo", &info, &n);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        for (size_t i = 0, length; i < n; i += length + 1) {
                const char *key = info + i, *value;
                char ***l;

                length = strnlen(key, n - i);
                if (i + length == n)
                        break; /* not terminated */
                if ((value = startswith(key, "firmware=")))
                        l = &file->firmware;
                else if ((value = startswith(key, "softdep=")))
                        l = &file->softdeps;
                else if ((value = startswith(key, "weakdep=")))
                        l = &file->weakdeps;
                else
                        continue;
                r = strv_extend(l, value);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_whole(KernelFile *file, Source *source) {
        _cleanup_free_ char *data = NULL, *decompressed = NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *content;
        size_t size;
        int r;

        fd = source_open_canonical(source, file->source);
        if (fd < 0)
                return fd;
        r = fd_read_all(fd, FILE_SIZE_MAX, &data, &size);
        if (r < 0)
                return r;
        file->source_hash = file->hash = XXH3_128bits(data, size);

        content = data;
        if (file->compressed) {
                r = decompress_file(data, size, FILE_SIZE_MAX, &decompressed, &size);
                if (r < 0)
                        return r;
                content = decompressed;
                file->hash = XXH3_128bits(content, size);
        }
        file->size = size;
        return file->driver ? read_modinfo(file, content, size) : 0;
}

void kernel_file_read(KernelFile *file, Source *source) {
        file->error = read_whole(file, source);
        file->read = true;
}

typedef struct Pending {
        KernelFile **files;
        Source *source;
} Pending;

static void read_pending(void *userdata, size_t i) {
        const Pending *p = userdata;

        kernel_file_read(p->files[i], p->source);
}

int kernel_files_read(KernelFiles *files, Source *source) {
        Pending p = { .files = files->pending, .source = source };
        int r = 0;

        parallel_each(files->n_pending, FILES_PER_THREAD, read_pending, &p);
        for (size_t i = 0; i < files->n_pending; i++)
                if (files->pending[i]->error == -ENOMEM)
                        r = -ENOMEM;
        files->n_pending = 0;
        return r;
}

int kernel_file_add_parents(Source *source, Trace *trace, Manifest *manifest, const char *path,
                            const char *root, const char *why) {
        _cleanup_free_ char *parent = path_dirname(path);
        struct stat st = { .st_mode = S_IFDIR | 0755 };
        int r;

        if (!parent)
                return -ENOMEM;
        /* What is there has its parents too. */
        if (streq(parent, "/") || manifest_get(manifest, parent))
                return 0;
        r = kernel_file_add_parents(source, trace, manifest, parent, root, why);
        if (r < 0)
                return r;
        if (!root || !path_below(parent, root)) {
                r = source_resolve(source, trace, parent, NULL, &st, NULL);
                if (r < 0)
                        return r;
        }
        r = manifest_add_directory(manifest, parent, st.st_mode & 07777, why);
        if (r > 0)
                manifest_get(manifest, parent)->kernel = true;
        return r;
}

int kernel_file_add(const KernelFile *file, Source *source, Trace *trace, Manifest *manifest,
                    const char *path, const char *root, const char *why) {
        Entry *entry;
        int r;

        r = trace ? trace_set_hash(trace, file->source, file->source_hash) : 0;
        if (r >= 0)
                r = kernel_file_add_parents(source, trace, manifest, path, root, why);
        if (r >= 0)
                r = manifest_add_file(manifest, path, file->mode, file->source, why, &entry);
        if (r <= 0)
                return r;
        entry->size = file->size;
        entry->hash = file->hash;
        entry->decompress = file->compressed;
        entry->kernel = true;
        return 1;
}
