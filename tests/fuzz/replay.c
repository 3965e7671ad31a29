/* SPDX-License-Identifier: MIT
 *
 * Runs a fuzz target over every file of a folder, and over each file with a byte changed or cut
 * off, with any compiler: what the fuzzer once found stays found.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MAX_LEN 65536u

/* The input in memory of exactly its size, so that a read behind its end is found. */
static void run(const uint8_t *data, size_t len)
{
    uint8_t *exact = malloc(len ? len : 1);

    if (!exact)
        abort();
    if (len > 0)
        memcpy(exact, data, len);
    (void)LLVMFuzzerTestOneInput(exact, len);
    free(exact);
}

static void run_variants(uint8_t *data, size_t len)
{
    static const uint8_t bytes[] = {0, '"', '\\', '{', '\n', 0x7f, 0xff};

    run(data, len);
    for (size_t at = 0; at < len && at < 400; at++) {
        uint8_t was = data[at];

        run(data, at);
        data[at] = bytes[at % sizeof(bytes)];
        run(data, len);
        data[at] = was;
    }
}

static int run_file(const char *folder, const char *name)
{
    static uint8_t data[MAX_LEN];
    char path[1024];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "rb");
    if (!file)
        return 0;
    run_variants(data, fread(data, 1, sizeof(data), file));
    (void)fclose(file);
    return 1;
}

int main(int count, char **args)
{
    struct dirent *entry;
    int files = 0;
    DIR *dir = count > 1 ? opendir(args[1]) : NULL;

    if (!dir) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", args[0]);
        return 2;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.')
            files += run_file(args[1], entry->d_name);
    }
    closedir(dir);
    (void)printf("%d files\n", files);
    return files > 0 ? 0 : 1;
}
