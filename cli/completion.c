/* SPDX-License-Identifier: MIT
 *
 * `completion`: prints a shell's completion script. NAME in a template is the program's.
 */
#include "cli/completion.h"

#include "cli/commands.h"
#include "cli/print.h"

/* COMP_WORDBREAKS cuts at "=" and ":": words are put together again. */
static const char bash[] =
    "# bash completion for NAME\n"
    "_NAME_complete() {\n"
    "    local line words=() word answer directive IFS=$'\\n'\n"
    "    local i joined=\"\"\n"
    "    for ((i = 1; i <= COMP_CWORD; i++)); do\n"
    "        word=\"${COMP_WORDS[i]}\"\n"
    "        if [[ $word == = || $joined == *= ]] && ((${#words[@]} > 0)); then\n"
    "            words[${#words[@]}-1]+=\"$word\"\n"
    "        else\n"
    "            words+=(\"$word\")\n"
    "        fi\n"
    "        joined=\"$word\"\n"
    "    done\n"
    "    answer=$(\"${COMP_WORDS[0]}\" __complete \"${words[@]}\" 2>/dev/null) || return\n"
    "    directive=\"${answer##*$'\\n'}\"\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r line; do\n"
    "        [[ $line == :* || -z $line ]] || COMPREPLY+=(\"${line%%$'\\t'*}\")\n"
    "    done <<<\"$answer\"\n"
    "    word=\"${COMP_WORDS[COMP_CWORD]}\"\n"
    "    [[ $word == = ]] && word=\"\"\n"
    "    case $directive in\n"
    "    :file) compopt -o filenames; COMPREPLY+=($(compgen -f -- \"$word\")) ;;\n"
    "    :dir) compopt -o filenames; COMPREPLY+=($(compgen -d -- \"$word\")) ;;\n"
    "    :command) COMPREPLY+=($(compgen -c -- \"$word\")) ;;\n"
    "    esac\n"
    "}\n"
    "complete -F _NAME_complete NAME\n";

static const char zsh[] =
    "#compdef NAME\n"
    "# zsh completion for NAME\n"
    "_NAME() {\n"
    "    local -a lines plain described\n"
    "    local line directive\n"
    "    lines=(\"${(@f)$(\"${words[1]}\" __complete \"${(@)words[2,$CURRENT]}\" 2>/dev/null)}\")\n"
    "    directive=\"${lines[-1]}\"\n"
    "    for line in \"${(@)lines}\"; do\n"
    "        [[ $line == :* || -z $line ]] && continue\n"
    "        if [[ $line == *$'\\t'* ]]; then\n"
    "            described+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\")\n"
    "        else\n"
    "            plain+=(\"$line\")\n"
    "        fi\n"
    "    done\n"
    "    (( ${#described} )) && _describe 'NAME' described\n"
    "    (( ${#plain} )) && compadd -- \"${(@)plain}\"\n"
    "    case $directive in\n"
    "    :file) _files ;;\n"
    "    :dir) _files -/ ;;\n"
    "    :command) _command_names -e ;;\n"
    "    esac\n"
    "}\n"
    "if [ \"${funcstack[1]}\" = \"_NAME\" ]; then _NAME \"$@\"; else compdef _NAME NAME; fi\n";

static const char fish[] = "# fish completion for NAME\n"
                           "function __NAME_complete\n"
                           "    set -l typed (commandline -opc)[2..-1] (commandline -ct)\n"
                           "    set -l lines (NAME __complete $typed 2>/dev/null)\n"
                           "    for line in $lines\n"
                           "        string match -q ':*' -- $line; or echo $line\n"
                           "    end\n"
                           "    switch \"$lines[-1]\"\n"
                           "        case ':file'\n"
                           "            __fish_complete_path (commandline -ct)\n"
                           "        case ':dir'\n"
                           "            __fish_complete_directories (commandline -ct)\n"
                           "        case ':command'\n"
                           "            __fish_complete_command\n"
                           "    end\n"
                           "end\n"
                           "complete -c NAME -f -a '(__NAME_complete)'\n";

bool cli_completion_script(const char *shell, const char *name, sc_buf *out)
{
    sc_str rest = sc_str_from(strcmp(shell, "bash") == 0   ? bash
                              : strcmp(shell, "zsh") == 0  ? zsh
                              : strcmp(shell, "fish") == 0 ? fish
                                                           : NULL);
    if (!rest.at)
        return false;
    while (rest.len > 0) {
        size_t at = sc_str_find_str(rest, SC_STR("NAME"));

        sc_buf_add_str(out, sc_str_sub(rest, 0, at));
        if (at < rest.len)
            sc_buf_add_str(out, sc_str_from(name));
        rest = sc_str_sub(rest, at + 4, rest.len);
    }
    return true;
}

static int run_completion(cli *c, void *options, const cli_args *args)
{
    sc_buf script = {0};

    (void)options;
    if (args->count != 1)
        return cli_fail(c, "name one shell: '%s completion bash', zsh or fish", c->name);
    if (!cli_completion_script(args->words[0], c->name, &script))
        return cli_fail(c, "there is no completion for '%s': bash, zsh and fish have one",
                        args->words[0]);
    cli_put(c, 1, sc_buf_str(&script));
    sc_buf_deinit(&script);
    return 0;
}

const cli_command cli_completion = {
    .name = "completion",
    .summary = "Print a completion script for a shell",
    .words = "bash|zsh|fish",
    .about = "Completes commands, flags, their values and the names of running applications.",
    .examples = "dapr completion bash > /etc/bash_completion.d/dapr\n"
                "dapr completion zsh > \"${fpath[1]}/_dapr\"\n"
                "dapr completion fish > ~/.config/fish/completions/dapr.fish\n",
    .choices = "bash zsh fish",
    .run = run_completion,
};
