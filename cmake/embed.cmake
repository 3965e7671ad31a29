# cmake -DFROM=file -DTO=file.c -DNAME=name -P embed.cmake: the bytes of a file as a C array.
file(READ ${FROM} hex HEX)
string(REGEX REPLACE "(..)(..)(..)(..)(..)(..)(..)(..)" "\\1\\2\\3\\4\\5\\6\\7\\8;" lines "${hex}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," lines "${lines}")
string(REPLACE ";" "\n" bytes "${lines}")
file(WRITE ${TO} "/* Generated from ${FROM}. */
#include <stddef.h>

extern const unsigned char ${NAME}[];
extern const size_t ${NAME}_len;
const unsigned char ${NAME}[] = {
${bytes}
};
const size_t ${NAME}_len = sizeof(${NAME});
")
