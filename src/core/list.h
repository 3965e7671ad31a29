/* SPDX-License-Identifier: MIT
 *
 * An intrusive, circular, doubly linked list: the links live in the listed structs.
 */
#ifndef SC_CORE_LIST_H
#define SC_CORE_LIST_H

#include "core/base.h"

typedef struct sc_list {
    struct sc_list *prev;
    struct sc_list *next;
} sc_list;

static inline void sc_list_init(sc_list *head)
{
    head->prev = head->next = head;
}
static inline bool sc_list_is_empty(const sc_list *head)
{
    return head->next == head;
}
static inline void sc_list_add(sc_list *head, sc_list *link) /* at the end */
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}
static inline void sc_list_add_first(sc_list *head, sc_list *link)
{
    sc_list_add(head->next, link);
}
/* Takes `link` out and leaves it as an empty list, so removing twice is harmless. */
static inline void sc_list_remove(sc_list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    sc_list_init(link);
}
/* Moves everything of `from` to the end of `to`. */
static inline void sc_list_move_all(sc_list *to, sc_list *from)
{
    if (sc_list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    sc_list_init(from);
}

#define SC_LIST_EACH(head, it) for (sc_list *it = (head)->next; it != (head); it = it->next)
/* `it` may be removed in the body. */
#define SC_LIST_EACH_SAFE(head, it)                                                                \
    for (sc_list *it = (head)->next, *it##_next = it->next; it != (head);                          \
         it = it##_next, it##_next = it->next)

#endif
