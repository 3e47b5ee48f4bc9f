/* The copy loop: every packet of a burst, rewritten and protected for every slot (see copies.py).
   It decides nothing, allocates nothing and calls the kernel never: it fills the batch that Python
   sends. Forwarder._copy does the same where nothing is compiled; a test holds them together. */

#define _GNU_SOURCE
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "rows.h"

#define PROTECTED 0       /* srtp_err_status_ok */
#define TAG_ROOM 32       /* what protection may add; SRTP_MAX_TRAILER_LEN is more, we use 16 */
#define CONTROL_BYTES 24  /* CMSG_SPACE of the 16-bit segment size */
#define CONTROL_SIZE 18   /* CMSG_LEN of it */
#define CONTROL_VALUE 16  /* where it stands */

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

/* One plain packet for one slot. */
static void write_packet(uint8_t *packet, const struct item *item, const struct slot_row *row,
                         const struct burst *burst)
{
    struct peer_row *peer = row->peer;

    memcpy(packet, item->template, item->size);
    packet[1] = item->marker | row->types[burst->codec];
    put16(packet + 2, (uint32_t)(item->ext + row->offset));
    put32(packet + 4, item->timestamp + row->ts_offset);
    put32(packet + 8, row->ssrc);
    if (item->number_at) {
        uint64_t number = peer->next_sequence++;
        peer->sent_us[number % SENT_NUMBERS] = burst->now_us;
        peer->sizes[number % SENT_NUMBERS] = item->size;
        put16(packet + item->number_at, (uint32_t)number);
    }
    if (item->picture_at) {
        uint32_t picture = (uint32_t)(item->picture + row->picture_offset);
        if (item->is_wide)
            put16(packet + item->picture_at, 0x8000 | (picture & 0x7FFF));
        else
            packet[item->picture_at] = picture & 0x7F;
    }
    if (item->tl0_at)
        packet[item->tl0_at] = (uint8_t)(item->tl0 + row->tl0_offset);
}

static void keep_voice(struct voice_ring *ring, const uint8_t *packet, uint32_t size)
{
    struct voice_entry *entry = &ring->entries[packet[3] % VOICES];
    uint32_t at = ring->written % VOICE_BYTES;

    if (at + size > VOICE_BYTES) {
        ring->written += VOICE_BYTES - at;
        at = 0;
    }
    memcpy(ring->bytes + at, packet, size);
    entry->at = ring->written;
    entry->size = size;
    ring->written += size;
}

/* Packets first..first+count-1 of the batch leave as one message, cut apart again by the kernel. */
static void add_message(struct burst *burst, void *name, uint32_t first, uint32_t count)
{
    uint32_t place = burst->message_count++;
    struct msghdr *head = &burst->messages[place].msg_hdr;
    uint8_t *control = burst->controls + CONTROL_BYTES * place;

    head->msg_name = name;
    head->msg_namelen = burst->name_size;
    head->msg_iov = burst->iovecs + first;
    head->msg_iovlen = count;
    head->msg_control = NULL;
    head->msg_controllen = 0;
    if (count > 1) {
        uint16_t size = (uint16_t)burst->iovecs[first].iov_len;
        memcpy(control + CONTROL_VALUE, &size, sizeof size);
        head->msg_control = control;
        head->msg_controllen = CONTROL_SIZE;
    }
}

static void note_sent(struct slot_row *row, const struct burst *burst)
{
    const struct item *newest = &burst->items[burst->newest], *numbered;
    int64_t before = row->last;

    if (newest->ext + row->offset <= before)
        return;
    row->last = newest->ext + row->offset;
    row->last_ts = newest->timestamp + row->ts_offset;
    row->last_at = burst->now;
    row->last_codec = (uint8_t)burst->codec;
    if (burst->numbered == burst->item_count)
        return;
    numbered = &burst->items[burst->numbered];
    if (numbered->ext + row->offset <= before)
        return; /* it came late: a newer picture has left */
    if (numbered->picture_at)
        row->last_picture = numbered->picture + row->picture_offset;
    if (numbered->tl0_at)
        row->last_tl0 = numbered->tl0 + row->tl0_offset;
}

static void copy_to(struct burst *burst, struct slot_row *row)
{
    struct peer_row *peer = row->peer;
    uint32_t first = burst->count, place = first;

    for (uint32_t i = 0; i < burst->item_count; i++) {
        const struct item *item = &burst->items[i];
        uint8_t *packet = burst->memory + SLOT_BYTES * place;
        int size = item->size;

        if (item->size > SLOT_BYTES - TAG_ROOM) {
            burst->failed++;
            continue;
        }
        write_packet(packet, item, row, burst);
        if (burst->protect(peer->context, packet, &size) != PROTECTED) {
            burst->failed++;
            continue;
        }
        burst->iovecs[place++].iov_len = (size_t)size;
        row->packets++;
        row->octets += item->size;
        row->payload_octets += item->size - item->header;
        if (row->voices)
            keep_voice(row->voices, packet, (uint32_t)size);
    }
    burst->count = place;
    burst->forwarded += place - first;
    if (place == first)
        return;
    note_sent(row, burst);
    if (place - first < burst->item_count) {
        for (; first < place; first++)
            add_message(burst, peer->name, first, 1);
        return;
    }
    for (uint32_t i = 0; i < burst->cut_count; first += burst->cuts[i++])
        add_message(burst, peer->name, first, burst->cuts[i]);
}

/* Which packets are the newest and the oldest, and how many leave as one message: a run of equal
   size, and one smaller behind it (UDP_SEGMENT). */
static void look_at_items(struct burst *burst)
{
    const struct item *items = burst->items;
    uint32_t count = burst->item_count, end;

    burst->newest = burst->cut_count = 0;
    burst->numbered = count;
    burst->oldest_ext = items[0].ext;
    for (uint32_t i = 0; i < count; i++) {
        if (items[i].ext < burst->oldest_ext)
            burst->oldest_ext = items[i].ext;
        if (items[i].ext > items[burst->newest].ext)
            burst->newest = i;
        if (!items[i].picture_at && !items[i].tl0_at)
            continue;
        if (burst->numbered == count || items[i].ext > items[burst->numbered].ext)
            burst->numbered = i;
    }
    for (uint32_t first = 0; first < count; first = end) {
        end = first + 1;
        while (burst->has_segments && end < count && items[end].size == items[first].size)
            end++;
        if (burst->has_segments && end < count && items[end].size < items[first].size)
            end++;
        burst->cuts[burst->cut_count++] = (uint16_t)(end - first);
    }
}

/* What this was compiled from; conf.media.compiled takes no other. */
const char made_of[65] = MADE_OF;

/* Goes on at burst->at, until all rows are done or the batch has no room for the next one. */
void make_copies(struct burst *burst)
{
    look_at_items(burst);
    for (; burst->at < burst->row_count; burst->at++) {
        struct slot_row *row = burst->rows[burst->at];

        if (burst->at + 1 < burst->row_count)
            __builtin_prefetch(burst->rows[burst->at + 1]);
        if (!row->peer->context || row->types[burst->codec] == NO_TYPE)
            continue;
        if (burst->is_stripped && row->types[RED] != NO_TYPE)
            continue;
        if (row->is_shaped || !row->peer->name || row->from_ext > burst->oldest_ext) {
            burst->apart[burst->apart_count++] = burst->at;
            continue;
        }
        if (burst->count + burst->item_count > TX_SLOTS)
            return;
        copy_to(burst, row);
    }
}
