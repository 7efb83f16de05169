/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "fd-util.h"
#include "initrdd-messages.h"
#include "log.h"
#include "state.h"
#include "string-util.h"

#define STATE_FILE "state.json"
#define STATE_FORMAT 1
#define STATE_MAX (16 * 1024 * 1024)

static int add_image(Manager *m, Image *image) {
        if (manager_find_image(m, image->kernel, image->profile))
                return -EEXIST;
        if (!GREEDY_REALLOC(m->images, m->allocated_images, m->n_images + 1))
                return -ENOMEM;
        m->images[m->n_images++] = image;
        return 0;
}

static int load_image(Manager *m, json_t *object) {
        _cleanup_(image_freep) Image *image = NULL;
        int r;

        r = image_from_json(m, object, &image);
        if (r < 0)
                return r;
        r = add_image(m, image);
        if (r >= 0)
                TAKE_PTR(image);
        return r;
}

static int parse(Manager *m, const char *text, size_t size) {
        const char *last;
        json_t *root, *value;
        size_t i;
        int r = 0;

        root = json_loadb(text, size, 0, NULL);
        if (json_integer_value(json_object_get(root, "format")) != STATE_FORMAT)
                r = -EBADMSG;
        json_array_foreach(json_object_get(root, "images"), i, value) {
                /* One image that makes no sense is found again by looking. */
                if (r >= 0 && load_image(m, value) == -ENOMEM)
                        r = -ENOMEM;
        }
        last = json_string_value(json_object_get(root, "last-result"));
        if (r >= 0 && last) {
                char *copy = strdup(last);

                if (copy) {
                        free(m->last_result);
                        m->last_result = copy;
                } else
                        r = -ENOMEM;
        }
        if (r >= 0) {
                m->last_finished_usec = (uint64_t) json_integer_value(
                                json_object_get(root, "last-finished-usec"));
                m->last_id = (uint64_t) json_integer_value(json_object_get(root, "last-id"));
        }
        json_decref(root);
        return r;
}

int state_load(Manager *m) {
        _cleanup_close_ int dir = -EBADF;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        dir = open(m->options.state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return errno == ENOENT ? 0 : -errno;
        r = file_read_at(dir, STATE_FILE, STATE_MAX, &text, &size);
        if (r == -ENOENT)
                return 0;
        if (r >= 0)
                r = parse(m, text, size);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                log_full(LOG_WARNING, MESSAGE_ID_STATE_DAMAGED, NULL,
                         "%s/" STATE_FILE " can't be read, and is put aside as " STATE_FILE
                         ".damaged: %s",
                         m->options.state_dir, strerror(-r));
                (void) renameat(dir, STATE_FILE, dir, STATE_FILE ".damaged");
        }
        return 0;
}

static json_t *to_json(const Manager *m) {
        json_t *root, *images = json_array();

        for (size_t i = 0; i < m->n_images; i++) {
                json_t *object = image_to_json(m->images[i]);

                json_object_del(object, "state");
                json_object_del(object, "reasons");
                json_object_del(object, "kernel-changed");
                json_object_del(object, "damaged");
                json_object_del(object, "packed-hard");
                json_array_append_new(images, object);
        }
        root = json_pack("{s:i, s:s, s:I, s:I, s:o}", "format", STATE_FORMAT, "last-result",
                         m->last_result, "last-finished-usec", (json_int_t) m->last_finished_usec,
                         "last-id", (json_int_t) m->last_id, "images", images);
        return root;
}

int state_save(Manager *m) {
        _cleanup_close_ int dir = -EBADF;
        _cleanup_free_ char *text = NULL;
        json_t *root;
        int r;

        if (!m->state_dirty)
                return 0;
        m->state_dirty = false;
        root = to_json(m);
        text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
        json_decref(root);
        if (!text)
                return -ENOMEM;
        if (m->saved_state && streq(m->saved_state, text))
                return 0;
        dir = open(m->options.state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = dir < 0 ? -errno : file_replace_at(dir, STATE_FILE, text, strlen(text), 0600);
        if (r < 0) {
                log_warning("%s/" STATE_FILE " can't be written: %s", m->options.state_dir,
                            strerror(-r));
                return r;
        }
        free(m->saved_state);
        m->saved_state = TAKE_PTR(text);
        return 0;
}
