/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The names that root= and its like have for what is to be made, as systemd and dracut read them. */

#include "string-util.h"
#include "try-layer.h"
#include "try-name.h"

int name_take_uuid(const char *value, const char *prefix, char **ret) {
        const char *text = startswith(value, prefix) ?: value;
        uint8_t uuid[UUID_BYTES];
        char formatted[UUID_TEXT];

        if (uuid_from_text(text, uuid) < 0)
                return 0;
        uuid_to_text(uuid, formatted);
        free(*ret);
        *ret = strdup(formatted);
        return *ret ? 1 : -ENOMEM;
}

int name_take_text(const char *value, size_t n, char **ret) {
        char *text = bytes_to_string(value, n);

        if (!text)
                return -ENOMEM;
        free(*ret);
        *ret = text;
        return n > 0;
}

/* "GROUP-VOLUME", in which each dash of a name is written twice. 1, or 0 when it is none. */
static int take_mapped(const char *name, TryRoot *root) {
        _cleanup_free_ char *group = NULL, *volume = NULL;
        const char *dash = NULL;
        char *out;

        for (const char *p = name; *p && !dash; p++)
                if (*p == '-') {
                        if (p[1] != '-')
                                dash = p;
                        else
                                p++;
                }
        if (!dash || dash == name || !dash[1])
                return 0;
        group = bytes_to_string(name, (size_t) (dash - name));
        volume = strdup(dash + 1);
        if (!group || !volume)
                return -ENOMEM;
        for (size_t i = 0; i < 2; i++) {
                out = i == 0 ? group : volume;
                for (const char *p = out; *p; p++) {
                        *out++ = *p;
                        if (p[0] == '-' && p[1] == '-')
                                p++;
                }
                *out = '\0';
        }
        free(root->group);
        free(root->volume);
        root->group = TAKE_PTR(group);
        root->volume = TAKE_PTR(volume);
        return 1;
}

int name_take_volume(const char *text, TryRoot *root) {
        const char *slash = strchr(text, '/');
        int r;

        if (!slash || slash == text || !slash[1] || strchr(slash + 1, '/'))
                return 0;
        r = name_take_text(text, (size_t) (slash - text), &root->group);
        return r < 0 ? r : name_take_text(slash + 1, strlen(slash + 1), &root->volume);
}

int name_take_root(TryRoot *root, const char *value) {
        static const char *const no_groups[] = { "disk", "mapper", "md", "block" };
        const char *rest, *device;

        if ((rest = startswith(value, "UUID=")) ||
            (rest = startswith(value, "/dev/disk/by-uuid/")))
                return name_take_uuid(rest, "", &root->uuid);
        if ((rest = startswith(value, "LABEL=")) ||
            (rest = startswith(value, "/dev/disk/by-label/")))
                return name_take_text(rest, strlen(rest), &root->label);
        if ((rest = startswith(value, "PARTUUID=")) ||
            (rest = startswith(value, "/dev/disk/by-partuuid/")))
                return name_take_uuid(rest, "", &root->partition_uuid);
        if ((rest = startswith(value, "PARTLABEL=")) ||
            (rest = startswith(value, "/dev/disk/by-partlabel/")))
                return name_take_text(rest, strlen(rest), &root->partition_label);
        if ((rest = startswith(value, "/dev/mapper/"))) {
                if (root->luks_name && streq(rest, root->luks_name))
                        return 1;
                if (startswith(rest, "luks-"))
                        return root->luks_uuid && streq(rest + 5, root->luks_uuid);
                return take_mapped(rest, root);
        }
        device = startswith(value, "/dev/");
        for (size_t i = 0; device && i < ELEMENTSOF(no_groups); i++)
                if ((rest = startswith(device, no_groups[i])) && *rest == '/')
                        return 0;
        return device ? name_take_volume(device, root) : 0;
}
