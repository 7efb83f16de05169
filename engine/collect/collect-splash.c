/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * SplashTheme=: which of plymouth's themes is used is said in a file, and what that theme is made
 * of in another. Both are of the desktop's ini kind:
 *
 *      plymouthd.conf      [Daemon] Theme=NAME, ThemeDir=DIRECTORY (/usr/share/plymouth/themes)
 *      NAME/NAME.plymouth  [Plymouth Theme] ModuleName=PLUGIN
 *                          [PLUGIN] ImageDir=, ScriptFile=, Font=FAMILY SIZE, TitleFont=
 *
 * The keys are looked for in any section. Fonts are looked for by fontconfig when the splash runs,
 * which asks each file for its family; here the file's name has to do: "Noto Sans 12" is what
 * begins with NotoSans. What is not found so is no matter, since the label plugins take what there
 * is.
 */

#include <ctype.h>

#include "collect/collect-internal.h"
#include "collect/word.h"
#include "path-util.h"
#include "string-util.h"

#define THEMES "/usr/share/plymouth/themes"

/* The last value of `key` in a text, NULL when it has none. */
static int ini_value(const char *text, size_t size, const char *key, char **ret) {
        _cleanup_free_ char *found = NULL;
        const char *p = text, *line;
        size_t n;

        while (line_next(&p, text + size, &line, &n)) {
                _cleanup_free_ char *copy = strndup(line, n);
                char *equals, *value;

                if (!copy)
                        return -ENOMEM;
                equals = strchr(copy, '=');
                if (!equals)
                        continue;
                *equals = '\0';
                if (!streq(str_strip(copy), key))
                        continue;
                value = str_strip(equals + 1);
                free(found);
                found = *value ? strdup(value) : NULL;
                if (*value && !found)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(found);
        return 0;
}

/* The theme's own file that a plymouthd.conf names. -ENOENT when it names none. */
static int theme_of_conf(Collector *c, Collection *out, const char *path, char **ret,
                         char **ret_missing) {
        _cleanup_free_ char *text = NULL, *name = NULL, *directory = NULL;
        size_t size;
        int r;

        r = source_read(c->source, out->trace, path, &text, &size);
        if (r >= 0)
                r = ini_value(text, size, "Theme", &name);
        if (r >= 0)
                r = ini_value(text, size, "ThemeDir", &directory);
        if (is_missing(r))
                set_missing(ret_missing, "%s is not there", path);
        if (r < 0)
                return r;
        if (!name || !filename_is_valid(name)) {
                set_missing(ret_missing, "%s names no theme", path);
                return -ENOENT;
        }
        return str_printf(ret, "%s/%s/%s.plymouth",
                          directory && *directory == '/' ? directory : THEMES, name, name);
}

static int add_plugin(Collector *c, Collection *out, const char *name, const char *why,
                      char **ret_missing) {
        static const char *const patterns[] = { "/usr/lib/*/plymouth", "/usr/lib64/plymouth",
                                                "/usr/lib/plymouth" };

        for (size_t i = 0; i < ELEMENTSOF(patterns) && filename_is_valid(name); i++) {
                _cleanup_strv_free_ char **paths = NULL;
                _cleanup_free_ char *pattern = NULL;
                int r;

                r = str_printf(&pattern, "%s/%s.so", patterns[i], name);
                if (r >= 0)
                        r = source_glob(c->source, out->trace, pattern, &paths);
                if (r < 0)
                        return r;
                if (paths && paths[0])
                        return collect_path(c, out, paths[0], NULL, why, ret_missing);
        }
        set_missing(ret_missing, "the splash theme's plugin %s is not there", name);
        return -ENOENT;
}

/* "Noto Sans Bold 12" → "NotoSans": up to what is a number or a style, without spaces. */
static int font_family(const char *font, char **ret) {
        static const char *const styles[] = { "Regular", "Light", "Thin",   "Medium",
                                              "Bold",    "Heavy", "Italic", NULL };
        _cleanup_strv_free_ char **words = NULL;
        size_t n = 0;
        int r;

        r = strv_split(&words, font, " ,\"");
        if (r < 0)
                return r;
        while (words && words[n] && !isdigit((unsigned char) words[n][0]) &&
               !strpbrk(words[n], "/*?[\\") && !strv_contains((char *const *) styles, words[n]))
                n++;
        for (size_t i = n; words && words[i]; i++) {
                free(words[i]);
                words[i] = NULL;
        }
        *ret = strv_join(words, "");
        return *ret ? 0 : -ENOMEM;
}

static int add_fonts(Collector *c, Collection *out, const char *text, size_t size,
                     const char *why) {
        static const char *const keys[] = { "Font", "TitleFont", "MonospaceFont" };
        static const char *const places[] = { "/usr/share/fonts/*", "/usr/share/fonts/*/*" };

        for (size_t i = 0; i < ELEMENTSOF(keys) * ELEMENTSOF(places); i++) {
                _cleanup_free_ char *font = NULL, *family = NULL, *pattern = NULL;
                _cleanup_strv_free_ char **paths = NULL;
                int r;

                r = ini_value(text, size, keys[i / ELEMENTSOF(places)], &font);
                if (r >= 0 && font)
                        r = font_family(font, &family);
                if (r < 0)
                        return r;
                if (!family || !*family)
                        continue;
                r = str_printf(&pattern, "%s/%s[-.]*", places[i % ELEMENTSOF(places)], family);
                if (r >= 0)
                        r = source_glob(c->source, out->trace, pattern, &paths);
                STRV_FOREACH(path, paths)
                        if (r >= 0)
                                r = collect_path(c, out, *path, NULL, why, NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The theme's directory, and the directories and files that it has elsewhere. */
static int add_files(Collector *c, Collection *out, const char *path, const char *text,
                     size_t size, const char *why, char **ret_missing) {
        static const char *const keys[] = { "ImageDir", "ScriptFile" };
        _cleanup_free_ char *canonical = NULL, *directory = NULL;
        int r;

        /* default.plymouth is a link, perhaps by way of /etc/alternatives. */
        r = collect_path(c, out, path, NULL, why, ret_missing);
        if (r >= 0)
                r = source_resolve(c->source, out->trace, path, &canonical, NULL, NULL);
        if (r < 0)
                return r;
        directory = path_dirname(canonical);
        if (!directory)
                return -ENOMEM;
        r = collect_tree(c, out, directory, NULL, why, ret_missing);
        for (size_t i = 0; i < ELEMENTSOF(keys) && r >= 0; i++) {
                _cleanup_free_ char *more = NULL;

                r = ini_value(text, size, keys[i], &more);
                if (r < 0 || !more || *more != '/' || path_below(more, directory))
                        continue;
                r = collect_tree(c, out, more, NULL, why, ret_missing);
        }
        return r;
}

int collect_splash_theme(Collector *c, Collection *out, const char *path, const char *why,
                         char **ret_missing) {
        _cleanup_free_ char *theme = NULL, *text = NULL, *plugin = NULL;
        size_t size;
        int r;

        if (endswith(path, ".plymouth")) {
                theme = strdup(path);
                r = theme ? 0 : -ENOMEM;
        } else
                r = theme_of_conf(c, out, path, &theme, ret_missing);
        if (r < 0)
                return r;
        r = source_read(c->source, out->trace, theme, &text, &size);
        if (is_missing(r))
                set_missing(ret_missing, "%s: the splash theme %s is not there", path, theme);
        if (r >= 0)
                r = ini_value(text, size, "ModuleName", &plugin);
        if (r < 0)
                return r;
        if (!plugin) {
                set_missing(ret_missing, "%s names no plugin", theme);
                return -ENOENT;
        }
        r = add_plugin(c, out, plugin, why, ret_missing);
        if (r >= 0)
                r = add_files(c, out, theme, text, size, why, ret_missing);
        if (r >= 0)
                r = add_fonts(c, out, text, size, why);
        return r;
}
