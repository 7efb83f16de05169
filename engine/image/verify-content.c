/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * An image is read once, from its beginning to its end, and may be large; what the checks want to
 * know of a file is little. So the first bytes and the path decide what is kept while it comes by:
 * all of a program until its headers are read, the first line of a script, units and indexes as
 * they are, of anything else nothing. The buffer is that of one file.
 */

#include <elf.h>
#include <sys/stat.h>

#include "collect/ldso-loader.h"
#include "decompress.h"
#include "image/verify-internal.h"
#include "path-util.h"
#include "string-util.h"

#define FILE_MAX ((size_t) 64 * 1024 * 1024) /* of a program or driver */
#define TEXT_MAX ((size_t) 16 * 1024 * 1024) /* of one unit or index */
#define TEXT_TOTAL_MAX ((size_t) 64 * 1024 * 1024)
#define SCRIPT_MAX 256 /* as much as the kernel reads of its first line */
#define BUFFER_KEEP ((size_t) 1024 * 1024)

void content_free(void *p) {
        Content *c = p;

        elf_free(c->elf);
        strv_free(c->builtins);
        strv_free(c->depends);
        free(c->vermagic);
        free(c->text);
        free(c);
}

const Content *node_content(const TreeNode *node, ContentKind kind) {
        const Content *c = node ? node->file->content : NULL;

        return c && c->kind == kind ? c : NULL;
}

void keeper_done(Keeper *k) {
        free(k->buffer);
        *k = (Keeper) {};
}

static bool is_driver(const char *path) {
        const char *name = path_basename(path), *ko = strstr(name, ".ko");

        return strstr(path, "/lib/modules/") && ko && (ko[3] == '\0' || ko[3] == '.');
}

static bool is_text(const char *path) {
        const char *name = path_basename(path);

        if (strstr(path, "/lib/modules/"))
                return streq(name, "modules.dep") || streq(name, "modules.dep.bin") ||
                       streq(name, "modules.builtin");
        if (strstr(path, "/udev/rules.d/"))
                return endswith(name, ".rules") != NULL;
        return strstr(path, "/systemd/system/") || streq(path, "/etc/ld.so.cache");
}

static bool is_firmware(const char *path) {
        return strstr(path, "/lib/firmware/");
}

/* How much of the file is wanted, by its path and first bytes. */
static size_t decide(const Keeper *k) {
        const char *path = k->node->path;
        Elf elf;

        if (is_text(path))
                return TEXT_MAX;
        if (is_driver(path))
                return FILE_MAX;
        if (is_firmware(path))
                return 0;
        if (k->size >= 2 && memcmp(k->buffer, "#!", 2) == 0)
                return SCRIPT_MAX;
        if (k->size < SELFMAG || memcmp(k->buffer, ELFMAG, SELFMAG) != 0)
                return 0;
        /* What is only linked, or run by something else than this machine's processor. */
        if (elf_parse_header(k->buffer, k->size, &elf) >= 0 && elf.type != ET_EXEC &&
            elf.type != ET_DYN)
                return 0;
        return FILE_MAX;
}

/* "depends=a,b" among the strings of .modinfo. */
static int read_depends(const char *data, size_t size, Content *c) {
        const char *info;
        size_t n;
        int r;

        r = elf_section(data, size, ".modinfo", &info, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n;) {
                size_t length = strnlen(info + i, n - i);
                _cleanup_free_ char *line = bytes_to_string(info + i, length);
                const char *names;

                if (!line)
                        return -ENOMEM;
                names = startswith(line, "depends=");
                if (names && !c->depends) {
                        r = strv_split(&c->depends, names, ",");
                        if (r < 0)
                                return r;
                }
                names = startswith(line, "vermagic=");
                if (names && !c->vermagic) {
                        c->vermagic = strdup(names);
                        if (!c->vermagic)
                                return -ENOMEM;
                }
                i += length + 1;
        }
        return 0;
}

static int read_driver(const char *data, size_t size, Content *c) {
        _cleanup_free_ char *plain = NULL;
        Elf header = {};
        int r = 0;

        c->kind = CONTENT_DRIVER;
        if (size >= SELFMAG && memcmp(data, ELFMAG, SELFMAG) != 0) {
                r = decompress_file(data, size, FILE_MAX, &plain, &size);
                data = plain;
        }
        if (r >= 0)
                r = elf_parse_header(data, size, &header);
        if (r >= 0) {
                c->class = header.class;
                c->machine = header.machine;
                r = read_depends(data, size, c);
        }
        if (r < 0 && r != -ENOMEM && r != -EFBIG)
                c->kind = CONTENT_BROKEN;
        return r == -ENOMEM ? r : 0;
}

static bool is_loader(const char *path) {
        const char *name = path_basename(path);

        return startswith(name, "ld-") || startswith(name, "ld.so") || startswith(name, "ld64.so");
}

static int read_elf(const Keeper *k, bool whole, Content *c) {
        int r;

        r = elf_parse(k->buffer, k->size, &c->elf);
        if (r == -ENOMEM)
                return r;
        c->kind = r >= 0 ? CONTENT_ELF : whole ? CONTENT_BROKEN : CONTENT_OTHER;
        if (r >= 0 && is_loader(k->node->path))
                return ldso_builtin_directories(k->buffer, k->size, &c->builtins);
        return 0;
}

static int read_script(const Keeper *k, Content *c) {
        const char *p = k->buffer + 2, *end = k->buffer + k->size;
        size_t n = 0;

        while (p < end && (*p == ' ' || *p == '\t'))
                p++;
        while (p + n < end && p[n] && !strchr(" \t\n", p[n]))
                n++;
        c->kind = CONTENT_SCRIPT;
        c->text = bytes_to_string(p, n);
        return c->text ? 0 : -ENOMEM;
}

static int read_content(Keeper *k, bool whole, Content *c) {
        if (is_text(k->node->path)) {
                if (!whole || k->size > TEXT_TOTAL_MAX - k->kept)
                        return 0;
                c->kind = CONTENT_TEXT;
                c->text = malloc(k->size + 1);
                if (!c->text)
                        return -ENOMEM;
                memcpy(c->text, k->buffer, k->size);
                c->text[k->size] = '\0';
                c->size = k->size;
                k->kept += k->size;
                return 0;
        }
        if (is_driver(k->node->path))
                return whole ? read_driver(k->buffer, k->size, c) : 0;
        if (k->size >= 2 && memcmp(k->buffer, "#!", 2) == 0)
                return read_script(k, c);
        return read_elf(k, whole, c);
}

/* Everything came, or as much as was wanted. */
static int finish(Keeper *k) {
        bool whole = k->total <= k->want;
        Content *c;
        int r;

        if (k->want == 0)
                return 0;
        c = malloc(sizeof(Content));
        if (!c)
                return -ENOMEM;
        *c = (Content) { .kind = CONTENT_OTHER };
        r = read_content(k, whole, c);
        if (r < 0 || k->node->file->content)
                content_free(c);
        else
                k->node->file->content = c;
        k->want = 0;
        if (k->allocated > BUFFER_KEEP) {
                free(TAKE_PTR(k->buffer));
                k->allocated = 0;
        }
        return r;
}

int keeper_begin(Keeper *k, TreeNode *node, uint64_t size) {
        k->node = node;
        k->total = k->left = size;
        k->size = 0;
        k->decided = false;
        k->want = node && S_ISREG(node->file->mode) && size > 0 ? ELF_HEADER_SIZE : 0;
        return 0;
}

static int take(Keeper *k, const char *data, size_t size) {
        size_t n = MIN_OF(size, k->want - k->size);

        if (!GREEDY_REALLOC(k->buffer, k->allocated, k->size + n))
                return -ENOMEM;
        memcpy(k->buffer + k->size, data, n);
        k->size += n;
        return 0;
}

int keeper_feed(Keeper *k, const void *data, size_t size) {
        const char *p = data;
        int r;

        if (k->want == 0)
                return 0;
        k->left -= MIN_OF(k->left, (uint64_t) size);
        if (!k->decided) {
                size_t n = MIN_OF(size, k->want - k->size);

                r = take(k, p, n);
                if (r < 0)
                        return r;
                if (k->size < k->want && k->left > 0)
                        return 0;
                k->decided = true;
                k->want = decide(k);
                p += n, size -= n;
                if (k->want == 0)
                        return 0;
        }
        r = take(k, p, size);
        if (r < 0)
                return r;
        return k->left == 0 || k->size == k->want ? finish(k) : 0;
}
