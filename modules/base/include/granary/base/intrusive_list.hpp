// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// intrusive_list.hpp — a doubly linked list through a member of its elements.
//
// Role        Membership without allocation: extents, runs, arenas, thread states.
// Owns        only the links; elements belong to someone else and outlive their membership.
// Invariants  L1  zero bytes are a valid empty list and a valid unlinked link.
//             L2  an element is linked exactly when previous != nullptr: the first one's previous
//                 is the list's own head, the last one's next is nullptr.
//             L3  head_.next is the first element's link, head_.previous the last one's; both are
//                 nullptr together.
// Locking     none; the owner of the list says which lock it is under.
// Cost        O(1) each.
#pragma once

#include <bit>
#include <cstddef>

#include <granary/base/attributes.hpp>
#include <granary/base/panic.hpp>

namespace granary::base {

struct ListLink {
    ListLink* previous = nullptr;
    ListLink* next = nullptr;

    [[nodiscard]] constexpr bool is_linked() const noexcept { return previous != nullptr; }
};

/// `Link` is the member of T that the list runs through; a T with two links can be in two lists.
/// The list must not move in memory while it has elements (L2).
template <class T, ListLink T::*Link>
class IntrusiveList {
public:
    class Iterator {
    public:
        constexpr explicit Iterator(ListLink* at) noexcept : at_(at) {}
        [[nodiscard]] T& operator*() const noexcept { return *owner(at_); }
        [[nodiscard]] T* operator->() const noexcept { return owner(at_); }
        Iterator& operator++() noexcept {
            at_ = at_->next;
            return *this;
        }
        [[nodiscard]] constexpr bool operator==(const Iterator&) const noexcept = default;

    private:
        ListLink* at_;
    };

    constexpr IntrusiveList() noexcept = default;
    IntrusiveList(const IntrusiveList&) = delete;
    IntrusiveList& operator=(const IntrusiveList&) = delete;

    [[nodiscard]] constexpr bool empty() const noexcept { return head_.next == nullptr; }

    /// First or last element; nullptr when empty.
    [[nodiscard]] T* front() const noexcept { return owner_or_null(head_.next); }
    [[nodiscard]] T* back() const noexcept { return owner_or_null(head_.previous); }

    /// The neighbour of a linked element; nullptr at the end.
    [[nodiscard]] T* next(T& element) const noexcept { return owner_or_null((element.*Link).next); }
    [[nodiscard]] T* previous(T& element) const noexcept {
        ListLink* const link = (element.*Link).previous;
        return link == &head_ ? nullptr : owner(link);
    }

    void push_front(T& element) noexcept { insert_after(&head_, element); }
    void push_back(T& element) noexcept {
        insert_after(head_.previous == nullptr ? &head_ : head_.previous, element);
    }

    /// Puts `element` directly behind `position`, which is in this list.
    void insert_after(T& position, T& element) noexcept {
        insert_after(&(position.*Link), element);
    }

    /// Takes the first element out; nullptr when empty.
    T* pop_front() noexcept {
        T* const element = front();
        if (element != nullptr) {
            erase(*element);
        }
        return element;
    }

    /// Takes the last element out; nullptr when empty.
    T* pop_back() noexcept {
        T* const element = back();
        if (element != nullptr) {
            erase(*element);
        }
        return element;
    }

    /// Takes out an element of this list; it is unlinked afterwards.
    void erase(T& element) noexcept {
        ListLink& link = element.*Link;
        GRANARY_ASSERT(link.is_linked(), "L2");
        link.previous->next = link.next;
        if (link.next != nullptr) {
            link.next->previous = link.previous;
        } else {
            head_.previous = link.previous == &head_ ? nullptr : link.previous;
        }
        link = ListLink{};
    }

    /// Not safe against erasing the element that the iterator is at; use next() for that.
    [[nodiscard]] constexpr Iterator begin() const noexcept { return Iterator(head_.next); }
    [[nodiscard]] constexpr Iterator end() const noexcept { return Iterator(nullptr); }

private:
    void insert_after(ListLink* position, T& element) noexcept {
        ListLink& link = element.*Link;
        GRANARY_ASSERT(!link.is_linked(), "L2");
        link.previous = position;
        link.next = position->next;
        if (link.next != nullptr) {
            link.next->previous = &link;
        } else {
            head_.previous = &link;
        }
        position->next = &link;
    }

    [[nodiscard]] static T* owner(ListLink* link) noexcept {
        // SAFETY (L2): every link reached from head_ is the member `Link` of a T. In the Itanium
        // C++ ABI a pointer to data member is the member's offset in bytes.
        static_assert(sizeof(Link) == sizeof(ptrdiff_t));
        const auto offset = std::bit_cast<ptrdiff_t>(Link);
        return reinterpret_cast<T*>(reinterpret_cast<std::byte*>(link) - offset);
    }

    [[nodiscard]] static T* owner_or_null(ListLink* link) noexcept {
        return link == nullptr ? nullptr : owner(link);
    }

    ListLink head_;
};

}  // namespace granary::base
