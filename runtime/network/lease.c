/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * systemd-networkd's files in /run/systemd/netif, lines of KEY=VALUE: leases/IFINDEX of DHCPv4,
 * written as soon as there is one, and state, which has DNS= and DOMAINS= of all interfaces.
 */

#include "lease.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "string-util.h"

#define RUN "/run/systemd/netif"

/* The value of a line; 0: no line has the key. */
static int find_value(const char *path, const char *key, char **ret) {
        _cleanup_strv_free_ char **lines = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size, n = strlen(key);
        int r;

        r = file_read_at(AT_FDCWD, path, 1024 * 1024, &text, &size);
        if (r == -ENOENT)
                return 0;
        if (r >= 0)
                r = strv_split(&lines, text, "\n");
        if (r < 0)
                return r;
        STRV_FOREACH(line, lines) {
                char *value;

                if (strncmp(*line, key, n) != 0 || (*line)[n] != '=')
                        continue;
                value = strdup(*line + n + 1);
                if (!value)
                        return -ENOMEM;
                /* Values with white space are quoted. */
                if (*value == '"' && value[1] && endswith(value, "\"")) {
                        value[strlen(value) - 1] = '\0';
                        memmove(value, value + 1, strlen(value));
                }
                *ret = value;
                return 1;
        }
        return 0;
}

/* Whether the interface with that number is the one that is meant. */
static bool is_meant(unsigned number, const char *interface) {
        char name[IF_NAMESIZE], path[64 + IF_NAMESIZE];
        _cleanup_free_ char *mac = NULL;
        size_t size;

        if (!interface)
                return true;
        if (!if_indextoname(number, name))
                return false;
        if (streq(name, interface))
                return true;
        snprintf(path, sizeof(path), "/sys/class/net/%s/address", name);
        if (file_read_at(AT_FDCWD, path, 128, &mac, &size) < 0)
                return false;
        return streq(str_strip(mac), interface);
}

int lease_get(const char *root, const char *interface, const char *key, char **ret) {
        _cleanup_free_ char *directory = NULL;
        struct dirent **entries = NULL;
        int n, r = 0;

        if (str_printf(&directory, "%s" RUN "/leases", root) < 0)
                return -ENOMEM;
        n = scandir(directory, &entries, NULL, alphasort);
        if (n < 0)
                return errno == ENOENT ? 0 : -errno;
        for (int i = 0; i < n; i++) {
                _cleanup_free_ char *path = NULL;
                unsigned number;

                if (r == 0 && parse_unsigned(entries[i]->d_name, &number) >= 0 &&
                    is_meant(number, interface)) {
                        if (str_printf(&path, "%s/%s", directory, entries[i]->d_name) < 0)
                                r = -ENOMEM;
                        else
                                r = find_value(path, key, ret);
                }
                free(entries[i]);
        }
        free(entries);
        return r;
}

char *lease_interface(const char *said) {
        char *name;

        if (!said || !*said)
                return NULL;
        name = strdup(strlen(said) == 20 && said[2] == '-' ? said + 3 : said);
        if (name && strlen(name) == 17 && name[2] == '-')
                for (char *c = name; *c; c++)
                        *c = *c == '-' ? ':' : (char) (*c >= 'A' && *c <= 'F' ? *c + 32 : *c);
        return name;
}

int lease_write_servers(const char *root) {
        _cleanup_free_ char *state = NULL, *servers = NULL, *domains = NULL, *text = NULL,
                            *directory = NULL, *path = NULL, *lines = NULL;
        _cleanup_strv_free_ char **words = NULL;
        int r;

        if (str_printf(&state, "%s" RUN "/state", root) < 0 ||
            str_printf(&directory, "%s/run/initrdd", root) < 0 ||
            str_printf(&path, "%s/resolv.conf", directory) < 0)
                return -ENOMEM;
        r = find_value(state, "DNS", &servers);
        if (r >= 0)
                r = find_value(state, "DOMAINS", &domains);
        if (r >= 0)
                r = strv_split(&words, servers ?: "", " ");
        if (r < 0)
                return r;
        STRV_FOREACH(word, words) {
                char *more;

                if (str_printf(&more, "%snameserver %s\n", lines ?: "", *word) < 0)
                        return -ENOMEM;
                free(lines);
                lines = more;
        }
        if (str_printf(&text, "%s%s%s%s", lines ?: "", domains ? "search " : "", domains ?: "",
                       domains ? "\n" : "") < 0)
                return -ENOMEM;
        if (mkdir(directory, 0755) < 0 && errno != EEXIST)
                return -errno;
        return file_replace_at(AT_FDCWD, path, text, strlen(text), 0644);
}
