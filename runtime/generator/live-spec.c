/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "live-spec.h"

#include <errno.h>
#include <string.h>

#include "string-util.h"

static const char *const schemes[] = { "http://", "https://", "ftp://", "tftp://" };

bool live_spec_is_url(const char *spec) {
        for (size_t i = 0; i < ELEMENTSOF(schemes); i++)
                if (startswith(spec, schemes[i]))
                        return true;
        return false;
}

const char *live_find_spec(const Generator *g) {
        const char *root = option_get(g, "root"), *spec;

        if (!root)
                return NULL;
        spec = startswith(root, "live:");
        if (spec)
                return spec;
        if (live_spec_is_url(root))
                return root;
        return option_is(g, "rd.live.image", true) ? root : NULL;
}

int live_url_to_shown(const char *url, char **ret) {
        const char *host = strstr(url, "://"), *slash, *at = NULL;

        if (!host)
                return -EINVAL;
        for (const char *c = url; *c; c++)
                if (*c <= ' ' || *c >= 127 || strchr("\"\\", *c))
                        return -EINVAL;
        host += strlen("://");
        slash = strchr(host, '/');
        if (!slash || slash[1] == '\0')
                return -EINVAL;
        /* A password may have one of its own. */
        for (const char *c = host; c < slash; c++)
                if (*c == '@')
                        at = c + 1;
        if ((at ?: host) == slash)
                return -EINVAL;
        return str_printf(ret, "%.*s%s", (int) (host - url), url, at ?: host);
}
