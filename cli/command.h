/* SPDX-License-Identifier: MIT
 *
 * What a command is: one `const cli_command` per file, with a table of its flags. Parsing, help,
 * completion, the man page and the keys of the multi-app file come from these tables.
 */
#ifndef SC_CLI_COMMAND_H
#define SC_CLI_COMMAND_H

#include "cli/cli.h"
#include "core/arena.h"
#include "core/error.h"

typedef struct cli_texts {
    sc_str *at;
    uint32_t count;
} cli_texts;

typedef enum cli_flag_kind {
    CLI_FLAG_TEXT,   /* sc_str */
    CLI_FLAG_SWITCH, /* bool */
    CLI_FLAG_NUMBER, /* int64_t */
    CLI_FLAG_LIST,   /* cli_texts: repeated, or ',' between */
} cli_flag_kind;

typedef struct cli_flag {
    const char *name; /* without dashes; NULL ends a table */
    const char *help;
    cli_flag_kind kind;
    char letter;                /* short form; 0: none */
    bool is_required;           /* on the command line */
    bool is_hidden;             /* accepted, not shown */
    size_t offset;              /* in the command's options */
    const char *value;          /* what stands for its value in help: "PORT" */
    const char *initial;        /* default as it would be typed; NULL: zero */
    const char *choices;        /* values for completion, ' ' between; "@app", "@dir", "@file" */
    const char *deprecated;     /* the notice that its use gets */
    const char *without_effect; /* why it does nothing here, where Dapr's does something */
    const char *key;            /* in the multi-app file; NULL: not there */
    bool is_per_app;            /* not allowed in its `common` section */
    const char *sidecar; /* `run`: the sidecar's flag of the same meaning; NULL: not passed on */
} cli_flag;

#define CLI_AT(type, member, as)                                                                   \
    (offsetof(type, member) +                                                                      \
     0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((type *)0)->member), as) ? 1 : -1]))
#define CLI_TEXT(type, member, ...)                                                                \
    {                                                                                              \
        .kind = CLI_FLAG_TEXT, .offset = CLI_AT(type, member, sc_str), __VA_ARGS__                 \
    }
#define CLI_SWITCH(type, member, ...)                                                              \
    {                                                                                              \
        .kind = CLI_FLAG_SWITCH, .offset = CLI_AT(type, member, bool), __VA_ARGS__                 \
    }
#define CLI_NUMBER(type, member, ...)                                                              \
    {                                                                                              \
        .kind = CLI_FLAG_NUMBER, .offset = CLI_AT(type, member, int64_t), __VA_ARGS__              \
    }
#define CLI_LIST(type, member, ...)                                                                \
    {                                                                                              \
        .kind = CLI_FLAG_LIST, .offset = CLI_AT(type, member, cli_texts), __VA_ARGS__              \
    }
#define CLI_FLAGS_END                                                                              \
    {                                                                                              \
        .name = NULL                                                                               \
    }

/* What is left of the arguments when the flags are taken out. */
typedef struct cli_args {
    const char **words; /* NULL behind the last, as for exec */
    uint32_t count;
    uint64_t given; /* bit i: flag i of the command's table was on the command line */
    char **raw;     /* everything behind the command's name as it came */
    int raw_count;
} cli_args;

typedef struct cli cli;

typedef struct cli_command {
    const char *name;
    const char *summary;  /* one line for the list of commands */
    const char *words;    /* what stands for its words in help: "[APP-ID...]"; NULL: takes none */
    const char *about;    /* further paragraphs of its help; NULL: none */
    const char *examples; /* lines that can be typed; "dapr" is replaced by the name in use */
    const char *choices;  /* completion of its words, as of a flag */
    const cli_flag *flags;
    size_t options_size; /* bytes of the struct that `flags` fills */
    bool is_hidden;
    bool takes_raw; /* no flags are read: all arguments are the command's own */
    int (*run)(cli *c, void *options, const cli_args *args);
} cli_command;

/* What every command is given. */
struct cli {
    const char *name; /* "dapr" or "pillion": as the program was called */
    const cli_host *host;
    const cli_command *const *commands; /* NULL at the end */
    sc_arena mem;                       /* for the whole run of the program */
    sc_str runtime_path;                /* --runtime-path, or what the environment says */
    sc_str root;                        /* "<runtime path>/.dapr" */
    bool is_json;                       /* --log-as-json */
    bool has_colour;                    /* standard output takes colours */
    /* Puts text on descriptor 1 or 2; NULL: written at once. */
    void (*write)(cli *c, int fd, sc_str text);
    void *console; /* of `write` */
};

extern const cli_flag cli_global_flags[];

/* Reads `raw` by the command's table and the global one. Fails with SC_INVALID worded as pflag
 * words it, with a suggestion. Deprecated flags are answered on standard error. */
sc_code cli_args_read(cli *c, const cli_command *command, int raw_count, char **raw, void *options,
                      cli_args *out, bool *wants_help, sc_error *err) SC_MUST_CHECK;
/* True when the flag of this name was on the command line. */
bool cli_args_has(const cli_command *command, const cli_args *args, const char *name);
const cli_flag *cli_flag_find(const cli_flag *table, sc_str name);
/* Sets the flag's member of `options` from text. */
sc_code cli_flag_set(cli *c, const cli_flag *flag, sc_str text, void *options,
                     sc_error *err) SC_MUST_CHECK;
/* Puts the initial values of a whole table into zeroed `options`. */
void cli_flags_init(cli *c, const cli_flag *table, void *options);

const cli_command *cli_command_find(const cli *c, sc_str name);
void cli_help_command(cli *c, const cli_command *command);
void cli_help_all(cli *c);

/* The candidate that `typed` was probably meant to be, or NULL. */
typedef struct cli_guess {
    sc_str typed;
    const char *best;
    size_t distance;
} cli_guess;
void cli_guess_offer(cli_guess *guess, const char *candidate);

#endif
