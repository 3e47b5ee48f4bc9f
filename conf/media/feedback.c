/* Transport feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01) of a batch of datagrams:
   decrypted, settled in the peer's history, gathered by bursts (see feedback.py). It judges nothing
   and calls the kernel never. SendHistory.settle_at_once does the same where nothing is compiled; a
   test holds them together. What is not quite usual is left to Python. */

#define _GNU_SOURCE
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "rows.h"

#define AUTHENTIC 0          /* srtp_err_status_ok */
#define LONGEST 1500         /* bytes of a datagram */
#define RTPFB 205
#define TWCC 0x8F            /* version 2, FMT 15; the padding bit apart */
#define PADDED 0x20
#define HEAD 12              /* header and two SSRCs */
#define BODY_HEAD 8          /* base, count, reference time, feedback number */
#define MOST_STATUSES 512    /* of one feedback; more are Python's */
#define REFERENCE_TICKS 256
#define TICK_US 250
#define PATIENCE_US 150000   /* what is calm is looked at so late at most, if more comes */

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) << 16 | get16(at + 2);
}

/* One byte a status: 0 and 3 tell of no arrival, 1 and 2 of one and of the bytes of its delta.
   Returns where the deltas begin; NULL: malformed, or the deltas overrun the packet. */
static const uint8_t *read_symbols(const uint8_t *at, const uint8_t *end, uint8_t *symbols,
                                   uint32_t count)
{
    uint32_t done = 0, bytes = 0;

    while (done < count) {
        uint32_t chunk, length, width;

        if (end - at < 2)
            return NULL;
        chunk = get16(at);
        at += 2;
        if (chunk < 0x8000) {
            length = chunk & 0x1FFF;
            if (!length)
                return NULL;
            for (uint32_t i = 0; i < length && done < count; i++)
                symbols[done++] = (uint8_t)(chunk >> 13);
            continue;
        }
        width = chunk < 0xC000 ? 1 : 2;
        length = 14 / width;
        for (uint32_t i = 1; i <= length && done < count; i++)
            symbols[done++] = (uint8_t)(chunk >> (14 - i * width) & (width == 1 ? 1 : 3));
    }
    for (uint32_t i = 0; i < count; i++)
        bytes += symbols[i] == 3 ? 0 : symbols[i];
    return bytes <= (uint32_t)(end - at) ? at : NULL;
}

/* How many bursts `settle` will add: what nobody has told of before, sent at one time. */
static uint32_t count_bursts(const struct peer_row *peer, uint64_t first, const uint8_t *symbols,
                             uint32_t count)
{
    int64_t sent_us = -1;
    uint32_t bursts = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t place = (first + i) % SENT_NUMBERS;

        if (symbols[i] % 3 == 0 || !peer->sizes[place])
            continue;
        bursts += peer->sent_us[place] != sent_us;
        sent_us = peer->sent_us[place];
    }
    return bursts;
}

/* The feedback is well-formed and about what is kept. Returns the longest way of any of its bursts
   (arrival less sending, from whatever zero), INT64_MAX when a packet was lost. */
static int64_t settle(struct feedback_row *row, uint64_t first, const uint8_t *symbols,
                      uint32_t count, const uint8_t *deltas, int64_t ticks)
{
    struct peer_row *peer = row->peer;
    struct told_burst *burst = NULL;
    int64_t longest_us = INT64_MIN;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t place = (first + i) % SENT_NUMBERS;
        int64_t sent_us = peer->sent_us[place];
        int32_t size = peer->sizes[place];

        if (symbols[i] == 1) {
            ticks += *deltas++;
        } else if (symbols[i] == 2) {
            ticks += (int16_t)get16(deltas);
            deltas += 2;
        } else {
            if (size > 0) {
                peer->sizes[place] = -size; /* told lost; it may still come */
                row->lost++;
                longest_us = INT64_MAX;
                if (sent_us > row->newest_us)
                    row->newest_us = sent_us;
            }
            continue;
        }
        if (!size)
            continue; /* told before */
        peer->sizes[place] = 0;
        row->received++;
        if (!burst || burst->sent_us != sent_us) {
            burst = &row->bursts[row->burst_count++];
            burst->sent_us = sent_us;
            burst->arrival_us = INT64_MIN;
            burst->size = 0;
            if (sent_us > row->newest_us)
                row->newest_us = sent_us;
        }
        if (ticks * TICK_US > burst->arrival_us)
            burst->arrival_us = ticks * TICK_US;
        burst->size += size < 0 ? -size : size;
        if (burst->arrival_us - sent_us > longest_us)
            longest_us = burst->arrival_us - sent_us;
    }
    return longest_us;
}

/* Where a packet of feedback and nothing else ends, its padding left out; 0: it is none. */
static uint32_t end_of_lone(const uint8_t *packet, uint32_t size)
{
    uint32_t padding = packet[0] & PADDED ? packet[size - 1] : 0;

    if (4 * get16(packet + 2) + 4 != size || padding > size - HEAD)
        return 0;
    return packet[0] & PADDED && !padding ? 0 : size - padding;
}

static uint8_t read_body(struct feedback_row *row, const uint8_t *at, const uint8_t *end,
                         int64_t now_us)
{
    const struct peer_row *peer = row->peer;
    uint64_t following = peer->next_sequence, first;
    uint8_t symbols[MOST_STATUSES];
    const uint8_t *deltas;
    uint32_t count;
    int64_t longest_us;

    if (end - at < BODY_HEAD || !following)
        return OPENED;
    first = following - 1;
    if (((first - get16(at)) & 0xFFFF) > first)
        return OPENED; /* before the first that was sent */
    first -= (first - get16(at)) & 0xFFFF;
    count = get16(at + 2);
    if (!count || count > MOST_STATUSES || first + count > following ||
        first + SENT_NUMBERS < following)
        return OPENED;
    deltas = read_symbols(at + BODY_HEAD, end, symbols, count);
    if (!deltas || row->burst_count + count_bursts(peer, first, symbols, count) > TOLD_BURSTS)
        return OPENED;
    longest_us = settle(row, first, symbols, count, deltas,
                        (int64_t)(get32(at + 4) >> 8) * REFERENCE_TICKS);
    row->feedbacks++;
    row->came_at_us = now_us;
    row->following = following;
    return longest_us < row->calm_below_us && now_us - row->looked_at_us < PATIENCE_US ? KEPT : DUE;
}

static uint8_t read_one(struct feedback_batch *batch, uint32_t place)
{
    const struct mmsghdr *message = &batch->messages[place];
    struct feedback_row *row = batch->rows[place];
    uint8_t *packet = batch->packets + SLOT_BYTES * place;
    int size = (int)message->msg_len;
    uint32_t end;

    if (!row || !row->receive || row->is_paused || size < HEAD || size > LONGEST)
        return LEFT;
    if ((packet[0] & ~PADDED) != TWCC || packet[1] != RTPFB || get32(packet + 4) != row->ssrc)
        return LEFT;
    if (!row->peer->name || message->msg_hdr.msg_namelen != batch->name_size ||
        memcmp(row->peer->name, message->msg_hdr.msg_name, batch->name_size))
        return LEFT; /* it has moved: media is to follow */
    if (batch->unprotect(row->receive, packet, &size) != AUTHENTIC)
        return REFUSED;
    batch->sizes[place] = (uint16_t)size;
    end = size < HEAD ? 0 : end_of_lone(packet, (uint32_t)size);
    return end ? read_body(row, packet + HEAD, packet + end, batch->now_us) : OPENED;
}

void read_feedback(struct feedback_batch *batch)
{
    for (uint32_t place = 0; place < batch->count; place++)
        batch->outcomes[place] = read_one(batch, place);
}
