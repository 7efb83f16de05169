/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Facts as JSON, so that an image for one machine can be built on another.
 *
 *   {
 *     "crypt": [ { "device": "UUID=…", "key": …, "name": "root", "options": … } ],
 *     "generic": false,
 *     "iscsi": [ { "address": …, "group": …, "initiator": …, "port": …, "target": … } ],
 *     "machine": "x86_64",            or null
 *     "mapped": [ "checked", … ],
 *     "microcode": "intel:06-55-04",  or null
 *     "modaliases": [ "pci:v…", … ],
 *     "mounts": [ { "devices": [ "dm-0", … ], "options": …, "type": …, "what": …, "where": … } ],
 *     "tags": [ "block:lvm", … ]
 *   }
 *
 * Written with sorted keys and sorted lists, so that two of them can be compared with diff. Read
 * strictly: a wrong type is a failure, since what would be skipped is a driver that is missing at
 * boot. Keys that are not known come from a newer program and are only a warning. Tags must be
 * there: an empty object would be a machine that needs nothing.
 */

#include <jansson.h>

#include "facts.h"
#include "string-util.h"

static void json_decrefp_(json_t **j) {
        json_decref(*j);
}
#define _cleanup_json_ _cleanup_(json_decrefp_)

/* JSON is UTF-8, names in fstab and in sysfs are any bytes: what isn't text becomes "?". */
static json_t *string_to_json(const char *s) {
        _cleanup_free_ char *copy = NULL;
        json_t *j;

        if (!s)
                return json_null();
        j = json_string(s);
        if (j)
                return j;
        copy = strdup(s);
        if (!copy)
                return NULL;
        for (char *p = copy; *p; p++)
                if ((unsigned char) *p >= 0x80)
                        *p = '?';
        return json_string(copy);
}

static json_t *strv_to_json(char *const *l) {
        _cleanup_json_ json_t *array = json_array();

        if (!array)
                return NULL;
        STRV_FOREACH(s, l)
                if (json_array_append_new(array, string_to_json(*s)) < 0)
                        return NULL;
        return TAKE_PTR(array);
}

static json_t *mounts_to_json(const Facts *facts) {
        _cleanup_json_ json_t *array = json_array();

        if (!array)
                return NULL;
        for (size_t i = 0; i < facts->n_mounts; i++) {
                const FactsMount *m = &facts->mounts[i];
                _cleanup_json_ json_t *o = json_object();

                if (!o || json_object_set_new(o, "devices", strv_to_json(m->devices)) < 0 ||
                    json_object_set_new(o, "options", string_to_json(m->options)) < 0 ||
                    json_object_set_new(o, "type", string_to_json(m->type)) < 0 ||
                    json_object_set_new(o, "what", string_to_json(m->what)) < 0 ||
                    json_object_set_new(o, "where", string_to_json(m->where)) < 0 ||
                    json_array_append(array, o) < 0)
                        return NULL;
        }
        return TAKE_PTR(array);
}

static json_t *crypt_to_json(const Facts *facts) {
        _cleanup_json_ json_t *array = json_array();

        if (!array)
                return NULL;
        for (size_t i = 0; i < facts->n_crypt; i++) {
                const FactsCrypt *c = &facts->crypt[i];
                _cleanup_json_ json_t *o = json_object();

                if (!o || json_object_set_new(o, "device", string_to_json(c->device)) < 0 ||
                    json_object_set_new(o, "key", string_to_json(c->key)) < 0 ||
                    json_object_set_new(o, "name", string_to_json(c->name)) < 0 ||
                    json_object_set_new(o, "options", string_to_json(c->options)) < 0 ||
                    json_array_append(array, o) < 0)
                        return NULL;
        }
        return TAKE_PTR(array);
}

static json_t *iscsi_to_json(const Facts *facts) {
        _cleanup_json_ json_t *array = json_array();

        if (!array)
                return NULL;
        for (size_t i = 0; i < facts->n_iscsi; i++) {
                const FactsIscsi *t = &facts->iscsi[i];
                _cleanup_json_ json_t *o = json_object();

                if (!o || json_object_set_new(o, "address", string_to_json(t->address)) < 0 ||
                    json_object_set_new(o, "group", string_to_json(t->group)) < 0 ||
                    json_object_set_new(o, "initiator", string_to_json(t->initiator)) < 0 ||
                    json_object_set_new(o, "port", string_to_json(t->port)) < 0 ||
                    json_object_set_new(o, "target", string_to_json(t->target)) < 0 ||
                    json_array_append(array, o) < 0)
                        return NULL;
        }
        return TAKE_PTR(array);
}

int facts_to_json(const Facts *facts, char **ret) {
        _cleanup_json_ json_t *o = json_object();
        _cleanup_free_ char *text = NULL;
        char *line;

        if (!o || json_object_set_new(o, "crypt", crypt_to_json(facts)) < 0 ||
            json_object_set_new(o, "generic", json_boolean(facts->generic)) < 0 ||
            json_object_set_new(o, "iscsi", iscsi_to_json(facts)) < 0 ||
            json_object_set_new(o, "machine", string_to_json(facts->machine)) < 0 ||
            json_object_set_new(o, "mapped", strv_to_json(facts->mapped)) < 0 ||
            json_object_set_new(o, "microcode", string_to_json(facts->microcode)) < 0 ||
            json_object_set_new(o, "modaliases", strv_to_json(facts->modaliases)) < 0 ||
            json_object_set_new(o, "mounts", mounts_to_json(facts)) < 0 ||
            json_object_set_new(o, "tags", strv_to_json(facts->tags)) < 0)
                return -ENOMEM;
        text = json_dumps(o, JSON_INDENT(2) | JSON_SORT_KEYS);
        if (!text)
                return -ENOMEM;
        if (str_printf(&line, "%s\n", text) < 0)
                return -ENOMEM;
        *ret = line;
        return 0;
}

/* Where a reader is, so that a message can say it. */
typedef struct Reader {
        Report *report;
        const char *path;
} Reader;

static int wrong_type(const Reader *reader, const char *key, const char *expected) {
        return report_fail(reader->report, FAILURE_CONFIG_INVALID, -EINVAL, reader->path, 0,
                           "\"%s\" must be %s", key, expected);
}

/* An absent key and null are NULL. */
static int read_string(const Reader *reader, json_t *o, const char *key, char **ret) {
        json_t *j = json_object_get(o, key);
        char *s;

        if (!j || json_is_null(j))
                return 0;
        if (!json_is_string(j))
                return wrong_type(reader, key, "a string or null");
        s = strdup(json_string_value(j));
        if (!s)
                return report_oom(reader->report);
        *ret = s;
        return 0;
}

/* `sorted`: a set rather than a sequence. */
static int read_strv(const Reader *reader, json_t *o, const char *key, bool sorted, char ***ret) {
        _cleanup_strv_free_ char **l = NULL;
        json_t *j = json_object_get(o, key), *item;
        size_t i;

        if (!j)
                return 0;
        if (!json_is_array(j))
                return wrong_type(reader, key, "a list of strings");
        l = calloc(json_array_size(j) + 1, sizeof(char *));
        if (!l)
                return report_oom(reader->report);
        json_array_foreach(j, i, item) {
                if (!json_is_string(item) || json_string_length(item) == 0)
                        return wrong_type(reader, key, "a list of strings that are not empty");
                l[i] = strdup(json_string_value(item));
                if (!l[i])
                        return report_oom(reader->report);
        }
        if (sorted)
                l = strv_uniq(l);
        *ret = TAKE_PTR(l);
        return 0;
}

/* Text of the file in a message: one line, whatever it is. Cut rather than without memory. */
typedef char Excerpt[128];

static const char *excerpt(Excerpt buffer, const char *text) {
        size_t n = 0;

        for (; text[n] && n < sizeof(Excerpt) - 1; n++)
                buffer[n] = (unsigned char) text[n] < ' ' || text[n] == 0x7f ? '?' : text[n];
        buffer[n] = '\0';
        return buffer;
}

static void warn_unknown(const Reader *reader, json_t *o, const char *const *known) {
        const char *key;
        Excerpt name;
        json_t *value;

        json_object_foreach(o, key, value)
                if (!strv_contains((char *const *) known, key))
                        report_warn(reader->report, reader->path, 0,
                                    "The key \"%s\" is not known and was ignored",
                                    excerpt(name, key));
}

static int read_mounts(const Reader *reader, json_t *o, Facts *facts) {
        static const char *const known[] = { "devices", "options", "type", "what", "where", NULL };
        json_t *j = json_object_get(o, "mounts"), *item;
        size_t i;
        int r;

        if (!j)
                return 0;
        if (!json_is_array(j))
                return wrong_type(reader, "mounts", "a list of objects");
        facts->mounts = calloc(json_array_size(j) + 1, sizeof(FactsMount));
        if (!facts->mounts)
                return report_oom(reader->report);
        json_array_foreach(j, i, item) {
                FactsMount *m = &facts->mounts[i];

                if (!json_is_object(item))
                        return wrong_type(reader, "mounts", "a list of objects");
                facts->n_mounts++;
                if ((r = read_string(reader, item, "where", &m->where)) < 0 ||
                    (r = read_string(reader, item, "what", &m->what)) < 0 ||
                    (r = read_string(reader, item, "type", &m->type)) < 0 ||
                    (r = read_string(reader, item, "options", &m->options)) < 0 ||
                    (r = read_strv(reader, item, "devices", false, &m->devices)) < 0)
                        return r;
                if (!m->where || !m->what || !m->type)
                        return wrong_type(reader, "mounts",
                                          "a list of objects with \"where\", "
                                          "\"what\" and \"type\"");
                warn_unknown(reader, item, known);
        }
        return 0;
}

/* crypttab(5) has no way to quote: what is in a field is no white space. */
static bool is_field(const char *s) {
        return !s || (*s && !strpbrk(s, " \t\r\n"));
}

/* Part of a path, and of a line in a file. */
static bool is_word(const char *s) {
        return !s || (is_field(s) && !strpbrk(s, "/\"'\\"));
}

static int read_crypt(const Reader *reader, json_t *o, Facts *facts) {
        static const char *const known[] = { "device", "key", "name", "options", NULL };
        json_t *j = json_object_get(o, "crypt"), *item;
        size_t i;
        int r;

        if (!j)
                return 0;
        if (!json_is_array(j))
                return wrong_type(reader, "crypt", "a list of objects");
        facts->crypt = calloc(json_array_size(j) + 1, sizeof(FactsCrypt));
        if (!facts->crypt)
                return report_oom(reader->report);
        json_array_foreach(j, i, item) {
                FactsCrypt *c = &facts->crypt[i];

                if (!json_is_object(item))
                        return wrong_type(reader, "crypt", "a list of objects");
                facts->n_crypt++;
                if ((r = read_string(reader, item, "name", &c->name)) < 0 ||
                    (r = read_string(reader, item, "device", &c->device)) < 0 ||
                    (r = read_string(reader, item, "key", &c->key)) < 0 ||
                    (r = read_string(reader, item, "options", &c->options)) < 0)
                        return r;
                if (!c->name || !c->device || !is_field(c->name) || !is_field(c->device) ||
                    !is_field(c->key) || !is_field(c->options))
                        return wrong_type(reader, "crypt",
                                          "a list of objects with \"name\" and "
                                          "\"device\", without white space");
                warn_unknown(reader, item, known);
        }
        return 0;
}

static int read_iscsi(const Reader *reader, json_t *o, Facts *facts) {
        static const char *const known[] = { "address", "group",  "initiator",
                                             "port",    "target", NULL };
        json_t *j = json_object_get(o, "iscsi"), *item;
        size_t i;
        int r;

        if (!j)
                return 0;
        if (!json_is_array(j))
                return wrong_type(reader, "iscsi", "a list of objects");
        facts->iscsi = calloc(json_array_size(j) + 1, sizeof(FactsIscsi));
        if (!facts->iscsi)
                return report_oom(reader->report);
        json_array_foreach(j, i, item) {
                FactsIscsi *t = &facts->iscsi[i];

                if (!json_is_object(item))
                        return wrong_type(reader, "iscsi", "a list of objects");
                facts->n_iscsi++;
                if ((r = read_string(reader, item, "address", &t->address)) < 0 ||
                    (r = read_string(reader, item, "group", &t->group)) < 0 ||
                    (r = read_string(reader, item, "initiator", &t->initiator)) < 0 ||
                    (r = read_string(reader, item, "port", &t->port)) < 0 ||
                    (r = read_string(reader, item, "target", &t->target)) < 0)
                        return r;
                if (!t->target || !t->address || !t->port || !is_word(t->target) ||
                    !is_word(t->address) || !is_word(t->port) || !is_word(t->group) ||
                    !is_word(t->initiator))
                        return wrong_type(reader, "iscsi",
                                          "a list of objects with \"target\", \"address\" and "
                                          "\"port\", which are names");
                warn_unknown(reader, item, known);
        }
        return 0;
}

static int read_facts(const Reader *reader, json_t *o, Facts *facts) {
        static const char *const known[] = { "crypt",  "generic",   "iscsi",      "machine",
                                             "mapped", "microcode", "modaliases", "mounts",
                                             "tags",   NULL };
        json_t *generic = json_object_get(o, "generic");
        int r;

        if (generic && !json_is_boolean(generic))
                return wrong_type(reader, "generic", "true or false");
        facts->generic = json_is_true(generic);
        if (!facts->generic && !json_object_get(o, "tags"))
                return report_fail(reader->report, FAILURE_CONFIG_INVALID, -EINVAL, reader->path,
                                   0,
                                   "\"tags\" is missing, this is not what \"initrdctl facts "
                                   "--json\" writes");
        if ((r = read_strv(reader, o, "tags", true, &facts->tags)) < 0 ||
            (r = read_strv(reader, o, "modaliases", true, &facts->modaliases)) < 0 ||
            (r = read_strv(reader, o, "mapped", true, &facts->mapped)) < 0 ||
            (r = read_string(reader, o, "machine", &facts->machine)) < 0 ||
            (r = read_string(reader, o, "microcode", &facts->microcode)) < 0 ||
            (r = read_mounts(reader, o, facts)) < 0 || (r = read_crypt(reader, o, facts)) < 0 ||
            (r = read_iscsi(reader, o, facts)) < 0)
                return r;
        warn_unknown(reader, o, known);
        return 0;
}

int facts_from_json(const char *text, size_t size, Report *report, const char *path, Facts **ret) {
        const Reader reader = { .report = report, .path = path };
        _cleanup_(facts_freep) Facts *facts = NULL;
        _cleanup_json_ json_t *o = NULL;
        json_error_t error;
        Excerpt why;
        int r;

        o = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
        if (!o)
                return report_fail(report, FAILURE_CONFIG_INVALID, -EINVAL, path,
                                   error.line > 0 ? (unsigned) error.line : 0, "Not JSON: %s",
                                   excerpt(why, error.text));
        if (!json_is_object(o))
                return report_fail(report, FAILURE_CONFIG_INVALID, -EINVAL, path, 0,
                                   "Facts are a JSON object, this is something else");
        facts = calloc(1, sizeof(Facts));
        if (!facts)
                return report_oom(report);
        r = read_facts(&reader, o, facts);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(facts);
        return 0;
}
