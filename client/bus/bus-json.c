/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <ctype.h>
#include <string.h>

#include "bus-json.h"
#include "bus.h"
#include "initrdd-bus.h"

#define NAME_MAX_ 128

/* "BuiltUSec" → "built-usec"; what is no property's name stays. */
static const char *json_name(const char *name, char ret[static NAME_MAX_]) {
        size_t n = 0;

        if (strpbrk(name, "./") || strlen(name) * 2 >= NAME_MAX_)
                return name;
        for (const char *p = name; *p; p++) {
                if (p > name && isupper((unsigned char) *p) && islower((unsigned char) p[-1]))
                        ret[n++] = '-';
                ret[n++] = (char) tolower((unsigned char) *p);
        }
        ret[n] = '\0';
        return ret;
}

static int basic_to_json(sd_bus_message *m, char type, json_t **ret) {
        union {
                const char *s;
                int i;
                uint8_t y;
                int16_t n;
                uint16_t q;
                int32_t i32;
                uint32_t u;
                int64_t x;
                uint64_t t;
                double d;
        } v = {};
        int r;

        r = sym_sd_bus_message_read_basic(m, type, &v);
        if (r < 0)
                return r;
        switch (type) {
        case SD_BUS_TYPE_STRING:
        case SD_BUS_TYPE_OBJECT_PATH:
        case SD_BUS_TYPE_SIGNATURE:
                *ret = json_string(v.s);
                break;
        case SD_BUS_TYPE_BOOLEAN:
                *ret = json_boolean(v.i);
                break;
        case SD_BUS_TYPE_BYTE:
                *ret = json_integer(v.y);
                break;
        case SD_BUS_TYPE_INT16:
                *ret = json_integer(v.n);
                break;
        case SD_BUS_TYPE_UINT16:
                *ret = json_integer(v.q);
                break;
        case SD_BUS_TYPE_INT32:
                *ret = json_integer(v.i32);
                break;
        case SD_BUS_TYPE_UINT32:
                *ret = json_integer(v.u);
                break;
        case SD_BUS_TYPE_INT64:
                *ret = json_integer(v.x);
                break;
        case SD_BUS_TYPE_UINT64:
                *ret = json_integer((json_int_t) MIN_OF(v.t, (uint64_t) INT64_MAX));
                break;
        case SD_BUS_TYPE_DOUBLE:
                *ret = json_real(v.d);
                break;
        default:
                *ret = json_null();
        }
        return *ret ? 0 : -ENOMEM;
}

static int members_to_json(sd_bus_message *m, json_t *object) {
        char type, name[NAME_MAX_];
        const char *contents, *key;
        json_t *value;
        int r;

        while ((r = sym_sd_bus_message_at_end(m, 0)) == 0) {
                r = sym_sd_bus_message_peek_type(m, &type, &contents);
                if (r >= 0)
                        r = sym_sd_bus_message_enter_container(m, SD_BUS_TYPE_DICT_ENTRY,
                                                               contents);
                if (r >= 0)
                        r = sym_sd_bus_message_read_basic(m, *contents, &key);
                if (r >= 0)
                        r = bus_message_to_json(m, &value);
                if (r >= 0 && json_object_set_new(object, json_name(key, name), value) < 0)
                        r = -ENOMEM;
                if (r >= 0)
                        r = sym_sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : 0;
}

static int elements_to_json(sd_bus_message *m, json_t *array) {
        json_t *value;
        int r;

        while ((r = sym_sd_bus_message_at_end(m, 0)) == 0) {
                r = bus_message_to_json(m, &value);
                if (r < 0)
                        return r;
                if (json_array_append_new(array, value) < 0)
                        return -ENOMEM;
        }
        return r < 0 ? r : 0;
}

int bus_message_to_json(sd_bus_message *m, json_t **ret) {
        _cleanup_json_ json_t *value = NULL;
        const char *contents;
        bool dictionary;
        char type;
        int r;

        r = sym_sd_bus_message_peek_type(m, &type, &contents);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        if (!contents)
                return basic_to_json(m, type, ret);
        r = sym_sd_bus_message_enter_container(m, type, contents);
        if (r < 0)
                return r;
        dictionary = type == SD_BUS_TYPE_ARRAY && (contents[1] == 's' || contents[1] == 'o') &&
                     *contents == SD_BUS_TYPE_DICT_ENTRY_BEGIN;
        if (type == SD_BUS_TYPE_VARIANT)
                r = bus_message_to_json(m, &value);
        else {
                value = dictionary ? json_object() : json_array();
                r = !value       ? -ENOMEM
                    : dictionary ? members_to_json(m, value)
                                 : elements_to_json(m, value);
        }
        if (r >= 0)
                r = sym_sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(value);
        return 0;
}

int bus_get_properties(sd_bus *bus, const char *path, const char *interface, sd_bus_error *error,
                       json_t **ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r;

        r = bus_read(bus, path, "org.freedesktop.DBus.Properties", "GetAll", error, &reply, "s",
                     interface);
        return r < 0 ? r : bus_message_to_json(reply, ret);
}

static int compare_images(const json_t *a, const json_t *b) {
        const char *p = member_text(a, "profile"), *q = member_text(b, "profile");
        int r = strverscmp(member_text(b, "kernel"), member_text(a, "kernel"));

        if (r != 0 || streq(p, q))
                return r;
        return streq(p, "default") ? -1 : streq(q, "default") ? 1 : strcmp(p, q);
}

static int compare_jobs(const json_t *a, const json_t *b) {
        uint64_t i = member_number(a, "id"), j = member_number(b, "id");

        return i < j ? -1 : i > j;
}

/* They are few: each goes before the first that it must precede. */
static int insert(json_t *array, json_t *object, int (*compare)(const json_t *, const json_t *)) {
        size_t i = 0;

        while (i < json_array_size(array) && compare(json_array_get(array, i), object) <= 0)
                i++;
        return json_array_insert(array, i, object) < 0 ? -ENOMEM : 0;
}

void service_view_done(ServiceView *v) {
        json_decref(v->manager);
        json_decref(v->images);
        json_decref(v->jobs);
        *v = (ServiceView) {};
}

int service_view_read(ServiceView *ret, sd_bus *bus, sd_bus_error *error) {
        _cleanup_(service_view_done) ServiceView v = {};
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ json_t *objects = NULL;
        json_t *interfaces, *object;
        const char *path;
        int r;

        r = bus_get_properties(bus, BUS_PATH, BUS_INTERFACE_MANAGER, error, &v.manager);
        if (r >= 0)
                r = bus_read(bus, BUS_PATH, "org.freedesktop.DBus.ObjectManager",
                             "GetManagedObjects", error, &reply, NULL);
        if (r >= 0)
                r = bus_message_to_json(reply, &objects);
        if (r < 0)
                return r;
        v.images = json_array();
        v.jobs = json_array();
        if (!v.images || !v.jobs)
                return -ENOMEM;
        json_object_foreach(objects, path, interfaces) {
                bool image = (object = json_object_get(interfaces, BUS_INTERFACE_IMAGE));

                if (!image)
                        object = json_object_get(interfaces, BUS_INTERFACE_JOB);
                if (!object)
                        continue;
                if (json_object_set_new(object, "object", json_string(path)) < 0)
                        return -ENOMEM;
                r = image ? insert(v.images, object, compare_images)
                          : insert(v.jobs, object, compare_jobs);
                if (r < 0)
                        return r;
        }
        *ret = v;
        v = (ServiceView) {};
        return 0;
}

const char *member_text(const json_t *object, const char *key) {
        return json_string_value(json_object_get(object, key)) ?: "";
}

uint64_t member_number(const json_t *object, const char *key) {
        json_int_t n = json_integer_value(json_object_get(object, key));

        return n > 0 ? (uint64_t) n : 0;
}
