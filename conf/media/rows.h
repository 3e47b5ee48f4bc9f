/* What the compiled parts read and write: shared by copies.c and feedback.c, which are compiled
   where a compiler is, and rows.py, which reads this file. Plain declarations, so that both can. */

#define TX_SLOTS 32       /* packets of one batch */
#define SLOT_BYTES 2048   /* from one packet of the batch to the next */
#define SENT_NUMBERS 2048 /* remembered per peer, by transport-wide number */
#define CODECS 4
#define RED 3             /* index of RED among them */
#define NO_TYPE 255       /* a payload type has seven bits; 0 is one */
#define VOICES 128        /* remembered per slot */
#define VOICE_BYTES 16384 /* of ciphertext, for all of them */
#define TOLD_BURSTS 128   /* of one peer, that wait to be looked at */
#define RX_SLOTS 64       /* datagrams of one receive */

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

/* Packets sent to a peer at one time, and what it told of them. */
struct told_burst {
    int64_t sent_us;
    int64_t arrival_us;        /* of the last; by the peer's own clock */
    int64_t size;              /* bytes in all */
};

/* What a peer's transport feedback has told that nobody has looked at yet. */
struct feedback_row {
    struct peer_row *peer;
    void *receive;             /* srtp_t of its reports; NULL: Python reads them */
    uint32_t ssrc;             /* it reports under */
    uint32_t is_paused;        /* Python reads them for now */
    int64_t calm_below_us;     /* arrival less sending while no queue stands: it can wait */
    int64_t came_at_us;        /* when the last came, */
    uint64_t following;        /* and the first number that had not been sent by then */
    int64_t looked_at_us;      /* when it was looked at last */
    int64_t newest_us;         /* the latest sending time told of; -1: none */
    uint32_t received;         /* packets */
    uint32_t lost;
    uint32_t burst_count;
    uint32_t feedbacks;
    struct told_burst bursts[TOLD_BURSTS];
};

struct feedback_batch {
    /* Of the socket, set once. */
    uint8_t *packets;          /* the first; the others SLOT_BYTES on each */
    struct mmsghdr *messages;
    int (*unprotect)(void *, void *, int *);
    uint32_t name_size;
    /* Of one receive. */
    uint32_t count;
    int64_t now_us;
    struct feedback_row *rows[RX_SLOTS]; /* by whom each may be; NULL: Python reads it */
    /* Found out by the call. */
    uint16_t sizes[RX_SLOTS];  /* once decrypted */
    uint8_t outcomes[RX_SLOTS];
};

#define LEFT 0    /* untouched: Python reads it */
#define KEPT 1    /* settled; can wait for more of the same peer's */
#define DUE 2     /* settled; what is kept of the peer is to be looked at now */
#define OPENED 3  /* decrypted, nothing settled: Python reads on */
#define REFUSED 4 /* not authentic, or repeated */
