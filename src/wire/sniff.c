/* SPDX-License-Identifier: MIT */
#include "wire/sniff.h"

#define LOOKED_AT 512u

#define HTML  "text/html; charset=utf-8"
#define PLAIN "text/plain; charset=utf-8"

/* A file that begins with `first`, and where there is a `second`, with that at byte 8. */
typedef struct signature {
    sc_str first;
    sc_str second;
    const char *type;
} signature;

static const signature signatures[] = {
    {SC_STR_INIT("%PDF-"), {0}, "application/pdf"},
    {SC_STR_INIT("%!PS-Adobe-"), {0}, "application/postscript"},
    {SC_STR_INIT("\xfe\xff"), {0}, "text/plain; charset=utf-16be"},
    {SC_STR_INIT("\xff\xfe"), {0}, "text/plain; charset=utf-16le"},
    {SC_STR_INIT("\xef\xbb\xbf"), {0}, PLAIN},
    {SC_STR_INIT("\0\0\1\0"), {0}, "image/x-icon"},
    {SC_STR_INIT("\0\0\2\0"), {0}, "image/x-icon"},
    {SC_STR_INIT("BM"), {0}, "image/bmp"},
    {SC_STR_INIT("GIF87a"), {0}, "image/gif"},
    {SC_STR_INIT("GIF89a"), {0}, "image/gif"},
    {SC_STR_INIT("RIFF"), SC_STR_INIT("WEBPVP"), "image/webp"},
    {SC_STR_INIT("\x89PNG\r\n\x1a\n"), {0}, "image/png"},
    {SC_STR_INIT("\xff\xd8\xff"), {0}, "image/jpeg"},
    {SC_STR_INIT("FORM"), SC_STR_INIT("AIFF"), "audio/aiff"},
    {SC_STR_INIT("ID3"), {0}, "audio/mpeg"},
    {SC_STR_INIT("OggS\0"), {0}, "application/ogg"},
    {SC_STR_INIT("MThd\0\0\0\6"), {0}, "audio/midi"},
    {SC_STR_INIT("RIFF"), SC_STR_INIT("AVI "), "video/avi"},
    {SC_STR_INIT("RIFF"), SC_STR_INIT("WAVE"), "audio/wave"},
    {SC_STR_INIT("\x1a\x45\xdf\xa3"), {0}, "video/webm"},
    {SC_STR_INIT("\0\1\0\0"), {0}, "font/ttf"},
    {SC_STR_INIT("OTTO"), {0}, "font/otf"},
    {SC_STR_INIT("ttcf"), {0}, "font/collection"},
    {SC_STR_INIT("wOFF"), {0}, "font/woff"},
    {SC_STR_INIT("wOF2"), {0}, "font/woff2"},
    {SC_STR_INIT("\x1f\x8b\x08"), {0}, "application/x-gzip"},
    {SC_STR_INIT("PK\3\4"), {0}, "application/zip"},
    {SC_STR_INIT("Rar!\x1a\7\0"), {0}, "application/x-rar-compressed"},
    {SC_STR_INIT("Rar!\x1a\7\1\0"), {0}, "application/x-rar-compressed"},
    {SC_STR_INIT("\0asm"), {0}, "application/wasm"},
};

static const sc_str tags[] = {
    SC_STR_INIT("<!DOCTYPE HTML"),
    SC_STR_INIT("<HTML"),
    SC_STR_INIT("<HEAD"),
    SC_STR_INIT("<SCRIPT"),
    SC_STR_INIT("<IFRAME"),
    SC_STR_INIT("<H1"),
    SC_STR_INIT("<DIV"),
    SC_STR_INIT("<FONT"),
    SC_STR_INIT("<TABLE"),
    SC_STR_INIT("<A"),
    SC_STR_INIT("<STYLE"),
    SC_STR_INIT("<TITLE"),
    SC_STR_INIT("<B"),
    SC_STR_INIT("<BODY"),
    SC_STR_INIT("<BR"),
    SC_STR_INIT("<P"),
    SC_STR_INIT("<!--"),
};

static bool is_html(sc_str text)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(tags); i++) {
        if (text.len > tags[i].len && sc_str_starts_nocase(text, tags[i]) &&
            (text.at[tags[i].len] == ' ' || text.at[tags[i].len] == '>'))
            return true;
    }
    return false;
}

/* An ISO base media file whose brands name MP4. */
static bool is_mp4(sc_str start)
{
    const unsigned char *at = (const unsigned char *)start.at;
    size_t box_len;

    if (start.len < 12)
        return false;
    box_len = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
    if (start.len < box_len || box_len % 4 != 0 || memcmp(at + 4, "ftyp", 4) != 0)
        return false;
    for (size_t i = 8; i < box_len; i += 4) {
        if (i != 12 && memcmp(at + i, "mp4", 3) == 0) /* at 12 is a version */
            return true;
    }
    return false;
}

static bool is_text(sc_str start)
{
    for (size_t i = 0; i < start.len; i++) {
        unsigned char c = (unsigned char)start.at[i];

        if (c < 0x20 && c != '\t' && c != '\n' && c != '\f' && c != '\r' && c != 0x1b)
            return false;
    }
    return true;
}

static bool fits(const signature *one, sc_str start)
{
    if (!sc_str_starts(start, one->first))
        return false;
    return one->second.len == 0 ||
           (start.len >= 8 && sc_str_starts(sc_str_sub(start, 8, start.len), one->second));
}

sc_str sc_sniff_type(sc_str start)
{
    sc_str text;
    size_t skip = 0;

    start = sc_str_sub(start, 0, start.len < LOOKED_AT ? start.len : LOOKED_AT);
    while (skip < start.len && memchr("\t\n\f\r ", start.at[skip], 5))
        skip++;
    text = sc_str_sub(start, skip, start.len);
    if (is_html(text))
        return SC_STR(HTML);
    if (sc_str_starts(text, SC_STR("<?xml")))
        return SC_STR("text/xml; charset=utf-8");
    for (size_t i = 0; i < SC_ARRAY_LEN(signatures); i++) {
        if (fits(&signatures[i], start))
            return sc_str_from(signatures[i].type);
    }
    if (is_mp4(start))
        return SC_STR("video/mp4");
    return is_text(text) ? SC_STR(PLAIN) : SC_STR("application/octet-stream");
}
