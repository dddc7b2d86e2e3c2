/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * granary.i — what other languages see of granary.h: statistics, and the tree of names. Input of SWIG
 * (4.1 or later) for every binding; what is idiomatic in a language is built on top, by hand.
 *
 *   swig -python -module native …          swig -go -cgo -intgosize 64 …
 *
 * Memory itself is left out: how to hold it is a question that each language answers differently.
 * Whatever returns a text returns a copy for the caller (a null pointer: there was no memory, or for
 * ctl_read_text() no such text). Whatever returns an int returns 0 or an error number, as mallctl does.
 */
%module granary

%{
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <granary/granary.h>
%}

%include <stdint.i>
%include <typemaps.i>

/* Of the header the statistics alone, so that the struct is written down once. */
%rename("$ignore", %$isglobal) "";
%rename("$ignore", notregexmatch$name="^granary_stats_v1$", %$isclass) "";
%rename(kind) granary_ctl_node::type; /* ignored like its struct; `type` is a word of Go */
%rename(stats_v1) granary_stats_v1;
%include <granary/granary.h>
%rename("%s", %$isglobal) "";
%rename("%s", %$isclass) "";

%apply uint64_t *OUTPUT { uint64_t* value };
%newobject ctl_read_text;
%newobject ctl_names;
%newobject stats_text;
%newobject metrics_text;
%typemap(newfree) char* "free($1);";

%inline %{
/* Refreshes the statistics and stores them. */
int stats_v1_read(struct granary_stats_v1* out) {
    return granary_stats_v1_read(out, sizeof *out);
}

/* A number, bool or address of `width` bytes (4 and 8 byte ones are not sign-extended). */
int ctl_read(const char* name, size_t width, uint64_t* value) {
    size_t length = width;
    *value = 0; /* the hosts are little-endian: a narrow value fills the low bytes */
    return width > sizeof *value ? EINVAL : granary_mallctl(name, value, &length, NULL, 0);
}

int ctl_write(const char* name, size_t width, uint64_t new_value) {
    return width > sizeof new_value ? EINVAL : granary_mallctl(name, NULL, NULL, &new_value, width);
}

/* Does what a name of access "void" stands for. */
int ctl_do(const char* name) {
    return granary_mallctl(name, NULL, NULL, NULL, 0);
}

/* Writes a number and reads the one that comes back: tcache.create, thread.arena, … */
int ctl_swap(const char* name, size_t width, uint64_t new_value, uint64_t* value) {
    size_t length = width;
    *value = 0;
    return width > sizeof *value ? EINVAL
                                 : granary_mallctl(name, value, &length, &new_value, width);
}

char* ctl_read_text(const char* name) {
    char room[64] = ""; /* where an arena's name is copied to; the others give an address */
    const char* text = room;
    size_t length = sizeof text;
    return granary_mallctl(name, (void*)&text, &length, NULL, 0) == 0 && text ? strdup(text) : NULL;
}

int ctl_write_text(const char* name, const char* text) {
    return granary_mallctl(name, NULL, NULL, (void*)&text, sizeof text);
}
%}

%{
/* A text that grows; null after memory ran out. */
struct granary_text {
    char* begin;
    size_t length, room;
    int failed;
};

static void granary_text_append(void* opaque, const char* piece) {
    struct granary_text* text = (struct granary_text*)opaque;
    const size_t more = strlen(piece);
    if (text->failed)
        return;
    if (text->length + more + 1 > text->room) {
        const size_t room = 2 * (text->length + more + 1);
        char* grown = (char*)realloc(text->begin, room);
        if (!grown) {
            text->failed = 1;
            return;
        }
        text->begin = grown;
        text->room = room;
    }
    memcpy(text->begin + text->length, piece, more + 1);
    text->length += more;
}

static char* granary_text_take(struct granary_text* text) {
    if (!text->failed)
        granary_text_append(text, ""); /* never null for an empty one */
    if (text->failed) {
        free(text->begin);
        text->begin = NULL;
    }
    return text->begin;
}

static int granary_text_append_node(void* opaque, const struct granary_ctl_node* node) {
    const char* const pieces[] = {node->name, "\t", node->type, "\t", node->access, "\t",
                                  node->meaning, "\n"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; ++i)
        granary_text_append(opaque, pieces[i]);
    return 0;
}
%}

%inline %{
/* Every name: lines of name, type, access and meaning, with tabs between. */
char* ctl_names(void) {
    struct granary_text text = {NULL, 0, 0, 0};
    granary_ctl_list(granary_text_append_node, &text);
    return granary_text_take(&text);
}

/* The report of granary_malloc_stats_print() with these options. */
char* stats_text(const char* options) {
    struct granary_text text = {NULL, 0, 0, 0};
    granary_malloc_stats_print(granary_text_append, &text, options);
    return granary_text_take(&text);
}

/* The figures in the OpenMetrics format. */
char* metrics_text(void) {
    struct granary_text text = {NULL, 0, 0, 0};
    granary_metrics_print(granary_text_append, &text);
    return granary_text_take(&text);
}
%}
