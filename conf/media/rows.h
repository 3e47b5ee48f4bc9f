/* What the copy loop reads and writes: shared by copies.c, which is compiled where a compiler is,
   and rows.py, which reads this file. Plain declarations only, so that both can. */

#define TX_SLOTS 32       /* packets of one batch */
#define SLOT_BYTES 2048   /* from one packet of the batch to the next */
#define SENT_NUMBERS 2048 /* remembered per peer, by transport-wide number */
#define CODECS 4
#define RED 3             /* index of RED among them */
#define NO_TYPE 255       /* a payload type has seven bits; 0 is one */
#define VOICES 128        /* remembered per slot */
#define VOICE_BYTES 16384 /* of ciphertext, for all of them */

struct peer_row {
    void *context;          /* srtp_t of what it is sent; NULL: there are no keys */
    void *name;             /* its sockaddr; NULL: no address, or a TCP connection */
    uint64_t next_sequence; /* transport-wide, unwrapped */
    int64_t *sent_us;       /* [SENT_NUMBERS] when each number was sent */
    int32_t *sizes;         /* [SENT_NUMBERS] bytes before protection */
};

struct voice_entry {
    uint64_t at; /* bytes ever written before it */
    uint32_t size;
};

struct voice_ring {
    uint64_t written; /* bytes ever, places skipped at the end included */
    struct voice_entry entries[VOICES];
    uint8_t bytes[VOICE_BYTES];
};

struct slot_row {
    struct peer_row *peer;
    struct voice_ring *voices; /* what was sent of late, for repair; NULL: not kept */
    int64_t offset;            /* out number = incoming extended number + offset */
    int64_t from_ext;          /* older incoming packets belong to before the switch */
    int64_t last;              /* highest out number that has left, extended */
    uint32_t ssrc;
    uint32_t ts_offset;
    uint8_t types[CODECS];     /* payload types; NO_TYPE: it does not take the codec */
    uint8_t is_shaped;         /* something else sends in place of the loop */
    uint8_t last_codec;
    int32_t picture_offset;
    int32_t tl0_offset;
    uint32_t last_ts;
    double last_at;            /* monotonic seconds; negative: never */
    int32_t last_picture;      /* PictureID and TL0PICIDX as last sent */
    int32_t last_tl0;
    uint64_t packets;
    uint64_t octets;           /* before protection, headers included */
    uint64_t payload_octets;
};

struct item {
    const uint8_t *template;   /* the whole plain packet; set once */
    int64_t ext;
    uint32_t timestamp;
    uint16_t size;
    uint16_t header;           /* bytes before the payload */
    uint16_t number_at;        /* where the transport-wide number stands; 0: nowhere */
    uint16_t picture_at;       /* likewise PictureID */
    uint16_t tl0_at;           /* and TL0PICIDX */
    uint16_t picture;
    uint8_t tl0;
    uint8_t is_wide;           /* PictureID has 15 bits */
    uint8_t marker;            /* 0x80 or 0 */
};

struct burst {
    /* Of the port, set once. */
    uint8_t *memory;           /* TX_SLOTS packets of SLOT_BYTES */
    struct iovec *iovecs;
    struct mmsghdr *messages;
    uint8_t *controls;         /* one control message of CONTROL_BYTES each, but for the size */
    int (*protect)(void *, void *, int *);
    uint32_t name_size;
    uint32_t has_segments;     /* the kernel cuts a message into packets */
    /* Of the packets to copy. */
    struct slot_row **rows;
    uint32_t *apart;           /* out: places in rows that must be served otherwise */
    int64_t now_us;
    double now;
    uint32_t row_count;
    uint32_t item_count;       /* from 1 */
    uint32_t codec;
    uint32_t is_stripped;      /* not for those who take RED */
    /* Moved on by each call. */
    uint32_t at;               /* next place in rows */
    uint32_t count;            /* packets in the batch */
    uint32_t message_count;
    uint32_t apart_count;
    uint32_t forwarded;
    uint32_t failed;
    /* Found out by the call. */
    int64_t oldest_ext;
    uint32_t newest;           /* index of the item with the highest ext, */
    uint32_t numbered;         /* and of those with picture numbers; item_count: none has */
    uint32_t cut_count;
    uint16_t cuts[TX_SLOTS];   /* packets that leave together, message by message */
    struct item items[TX_SLOTS];
};
