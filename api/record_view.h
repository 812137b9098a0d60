/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_API_RECORD_VIEW_H
#define WEIR_API_RECORD_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/*
 * One line of the stream, read back for display. What is missing or of another type than
 * docs/record.md says is "" or 0: a viewer shows what there is. Every string is foreign.
 */

enum weir_view_kind {
	WEIR_VIEW_FLOW,
	WEIR_VIEW_LOST,
	WEIR_VIEW_NODE_STATUS,
	WEIR_VIEW_ERROR,
	WEIR_VIEW_OTHER,  /* a JSON object of a kind that is not known here */
};

struct weir_view_end {
	const char *ip;
	const char *namespace_name;
	const char *pod;
	const char *pod_uid;    /* also of a pod whose object, and so whose name, is not known */
	const char *workload;
	const char *workload_kind;
	const char *unit;
	const char *comm;
	const char *container;
	const char *reserved;   /* "host", "world", …: the first reserved: label, without that word */
	const char *xlated;     /* of the source: IP.source_xlated */
	const char *dns_name;   /* the first of source_names or destination_names */
	uint64_t identity;
	uint64_t pid;
	uint64_t port;
};

/** As many of each as are shown; the numbers of those there are. */
#define WEIR_VIEW_DNS_IPS_MAX 32
#define WEIR_VIEW_DNS_CNAMES_MAX 8

struct weir_view_dns {
	bool present;
	bool response;
	const char *query;
	const char *qtype;      /* the first */
	const char *source;     /* observation_source */
	const char *ips[WEIR_VIEW_DNS_IPS_MAX];
	const char *cnames[WEIR_VIEW_DNS_CNAMES_MAX];
	size_t n_ips;
	size_t n_cnames;
	uint64_t rcode;
	uint64_t ttl;
	uint64_t latency_ns;    /* 0 unknown */
};

struct weir_view_connection {
	bool present;
	const char *id;
	const char *state;
	const char *end_reason;
	const char *reset_by;
	const char *start_reason;
	const char *icmp_name;
	const char *icmp_sender;
	uint64_t icmp_count;         /* 0: there is no ICMP error */
	uint64_t icmp_type;
	uint64_t icmp_code;
	uint64_t icmp_mtu;
	uint64_t bytes_sent;
	uint64_t bytes_received;
	uint64_t packets_sent;
	uint64_t packets_received;
	uint64_t duration_ns;
	uint64_t connect_latency_ns;
	uint64_t rtt_ns;
	uint64_t rtt_min_ns;
	uint64_t retransmits_sent;
	uint64_t retransmits_received;
	uint64_t zero_windows_sent;
	uint64_t zero_windows_received;
	bool has_duration;
	bool established;
};

/** struct weir_view - the strings of its @kind are never NULL; borrowed from the reader. */
struct weir_view {
	enum weir_view_kind kind;
	bool has_time;
	int64_t time_ns;
	const char *node_name;

	/* WEIR_VIEW_FLOW */
	const char *verdict;
	const char *protocol;        /* "TCP", "UDP", …: the key inside l4 */
	const char *direction;
	const char *summary;
	const char *drop_reason;     /* Hubble's word for it: drop_reason_desc */
	const char *drop_kernel_reason;
	const char *drop_place;
	uint64_t drop_packets;
	bool has_is_reply;
	bool is_reply;
	int event_type;              /* event_type.type and .sub_type; 0 when absent */
	int event_sub_type;
	struct weir_view_end source;
	struct weir_view_end destination;
	const char *service;
	const char *service_namespace;
	const char *service_ip;
	uint64_t service_port;
	struct weir_view_connection connection;
	struct weir_view_dns dns;

	/* WEIR_VIEW_LOST */
	const char *lost_source;
	const char *lost_cause;
	uint64_t lost_count;

	/* WEIR_VIEW_ERROR; and the message of WEIR_VIEW_NODE_STATUS, whose state is @verdict */
	const char *message;
	uint64_t code;
};

struct weir_view_reader;

int weir_view_reader_new(struct weir_view_reader **ret_reader);
void weir_view_reader_free(struct weir_view_reader **reader);

/**
 * weir_view_read() - decode one line.
 *
 * Owner:  what @ret_view points to is valid until the next read or weir_view_reader_free().
 * Errors: -EINVAL with @err saying where the text stops being a JSON object; -ENOMEM.
 */
int weir_view_read(struct weir_view_reader *reader, const char *line, size_t len,
		   struct weir_view *ret_view, struct weir_error *err);

#endif
