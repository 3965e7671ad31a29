/* SPDX-License-Identifier: MIT
 *
 * Modules: parts with heavy libraries, in files of their own that are loaded when first needed, so
 * that nobody pays memory for what they do not use.
 *
 * The file is pillion-NAME.so. It is looked for in the folder that the environment variable
 * PILLION_MODULES names and only there; without it in modules/ beside the binary (a build folder)
 * and in ../lib/pillion/ (an installed prefix), where the binary is the file that runs, not a link
 * to it. For a program that has this code from a shared library: in pillion/ beside the library,
 * and in ../modules/.
 */
#ifndef SC_CORE_MODULE_H
#define SC_CORE_MODULE_H

#include "core/error.h"

/* What every module exports, under the name `pillion_module`: the version of the build it belongs
 * to, and the table that its user knows how to read. */
typedef struct sc_module {
    const char *version; /* PILLION_VERSION */
    const void *table;
} sc_module;

/* Marks the one symbol that a module exports. */
#define SC_MODULE_EXPORT __attribute__((visibility("default"))) extern

/* Loads the module `name` unless it is loaded, and returns its table; it stays loaded. Fails with
 * NULL and SC_UNAVAILABLE naming the files looked for, or SC_FAILED_PRECONDITION when it belongs to
 * another build. */
const void *sc_module_load(const char *name, sc_error *err);

#endif
