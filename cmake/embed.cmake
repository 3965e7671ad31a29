# cmake -DFROM=file -DTO=file.c -DNAME=name -P embed.cmake: the bytes of a file as a C array.
file(READ ${FROM} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
file(WRITE ${TO} "/* Generated from ${FROM}. */\n#include <stddef.h>\n
extern const unsigned char ${NAME}[];\nextern const size_t ${NAME}_len;
const unsigned char ${NAME}[] = {\n${bytes}};\nconst size_t ${NAME}_len = sizeof(${NAME});\n")
