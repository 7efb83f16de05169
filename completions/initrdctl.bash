# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for initrdctl(1)

_initrdctl() {
        local verbs='status list build rebuild remove jobs cancel hold monitor log plan inspect files
                cat extract repack why diff verify try modules facts kernels cat-config gc help'
        # What ends in "=" takes a value.
        local options='--root= --kernel-dir= --output= --store= --profile= --mode= --facts=
                --compression= --level= --set= --best --recompress --force --all --offline --host=
                --machine= --no-block --no-ask-password --no-hooks --reason= --detached --threads=
                --add= --remove= --content --html= --kernel= --this-host
                --root-image= --append= --timeout= --console --tree --json --json= --no-legend --no-pager --follow --lines=
                --quiet --help --version
                -H= -M= -f -n= -q -h'
        local cur prev words cword split verb= i

        _init_completion -s || return
        for ((i = 1; i < cword; i++)); do
                [[ ${words[i]} == -* || ${words[i - 1]} == = ]] && continue
                [[ " "${verbs//$'\n'/ }" " == *" ${words[i]} "* ]] && verb=${words[i]} && break
        done

        case $prev in
        --root | --kernel-dir | --store) _filedir -d && return ;;
        --output | --facts | --add | --html | --root-image) _filedir && return ;;
        --mode) COMPREPLY=($(compgen -W 'host strict generic' -- "$cur")) && return ;;
        --compression) COMPREPLY=($(compgen -W 'zstd xz gzip lz4 none' -- "$cur")) && return ;;
        --json) $split && COMPREPLY=($(compgen -W 'short pretty off' -- "$cur")) ;;
        --profile)
                COMPREPLY=($(compgen -W "$(_initrdctl_profiles)" -- "$cur"))
                return
                ;;
        --host | -H) _known_hosts_real -- "$cur" && return ;;
        --machine | -M)
                COMPREPLY=($(compgen -W "$(machinectl --no-legend list 2>/dev/null |
                        while read -r machine _; do echo "$machine"; done)" -- "$cur"))
                return
                ;;
        --reason) COMPREPLY=($(compgen -W 'admin package' -- "$cur")) && return ;;
        --level | --set | --threads | --lines | --remove | --kernel | --append | --timeout | -n) return ;;
        esac
        $split && return

        if [[ $cur == -* ]]; then
                COMPREPLY=($(compgen -W "${options//-[HMn]=/}" -- "$cur"))
                [[ ${COMPREPLY-} == *= ]] && compopt -o nospace
                return
        fi
        case $verb in
        '') COMPREPLY=($(compgen -W "$verbs" -- "$cur")) ;;
        build | rebuild | plan | remove | log)
                COMPREPLY=($(compgen -W "$(initrdctl --no-legend kernels 2>/dev/null |
                        while read -r kernel _; do echo "$kernel"; done)" -- "$cur"))
                ;;
        modules)
                COMPREPLY=($(compgen -W "$(initrdctl --no-legend modules 2>/dev/null |
                        while read -r module _; do echo "$module"; done)" -- "$cur"))
                ;;
        cancel)
                COMPREPLY=($(compgen -W "$(initrdctl --no-legend jobs 2>/dev/null |
                        while read -r job _; do echo "$job"; done)" -- "$cur"))
                ;;
        inspect | files | cat | extract | repack | why | diff | verify | try) _filedir ;;
        esac
}

_initrdctl_profiles() {
        local path

        echo default
        for path in /{etc,run,usr/lib}/initrdd/profiles.d/*.conf; do
                path=${path##*/}
                [[ $path == '*.conf' ]] || echo "${path%.conf}"
        done
}

complete -F _initrdctl initrdctl
