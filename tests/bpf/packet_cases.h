/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TESTS_BPF_PACKET_CASES_H
#define WEIR_TESTS_BPF_PACKET_CASES_H

/*
 * Crafted packets in hex, blanks for the eye, and what they say: source > destination, protocol,
 * and what else is not zero; "; in it: " what a tunnel has inside; "; about: " what an ICMP error
 * speaks of. Offsets count from the first byte, an absent end is "none".
 */
#define A "0a000001"
#define B "0a000002"
#define S6 "20010db8000000000000000000000001"
#define D6 "20010db8000000000000000000000002"
#define MAPPED "00000000000000000000ffff0a000001"
#define MACS "020000000002 020000000001"
#define IP4(total, protocol) "4500" total "1234 4000 40" protocol "0000" A B
#define FRAGMENT(total, field, protocol) "4500" total "1234" field "40" protocol "0000" A B
#define IP6(payload, next) "60000000" payload next "40" S6 D6
#define TCP "0401 0050 00000001 00000002 5012 ffff 0000 0000"
#define UDP(destination, length) "0401" destination length "0000"
#define EXT(next) next "00 0104 00000000"
#define ROUTING(next, left) next "00 04" left "00000000"
#define ATOMIC(next) next "00 0000 00abcdef"
#define AH(next) next "04 0000 00000001 00000001 001122334455667788990011"
#define AH6(next) next "02 0000 00000001 00000001 00112233"
#define NOPS "01010101010101010101"
#define LONG_8 "0011223344556677"
#define LONG_64 LONG_8 LONG_8 LONG_8 LONG_8 LONG_8 LONG_8 LONG_8 LONG_8
#define LONG_512 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64
#define LONG_504                                                                                   \
	LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_8 LONG_8 LONG_8 LONG_8 LONG_8 \
		LONG_8 LONG_8
#define LONG LONG_512 LONG_512 LONG_512 LONG_504

#define SAYS_TCP4 "10.0.0.1:1025 > 10.0.0.2:80 protocol 6 seq 1 ack 2 flags 12"
#define SAYS_TCP6 "[2001:db8::1]:1025 > [2001:db8::2]:80 protocol 6 seq 1 ack 2 flags 12"
#define SAYS_DNS6 "[2001:db8::1]:1025 > [2001:db8::2]:53 protocol 17"
#define SAYS_PART4 "10.0.0.1:1025 > 10.0.0.2:80 protocol 6 seq 1 embedded"
#define SAYS_PART6 "[2001:db8::1]:1025 > [2001:db8::2]:80 protocol 6 seq 1 embedded"

enum {
	ETHERNET = 0,
	V4 = 0x0800,
	V6 = 0x86dd,
	OTHER = 0x0806
};

static const struct packet_case {
	const char *name;
	unsigned int ethertype;
	const char *hex;
	const char *want;
} packet_cases[] = {
	{ "TCP over IPv4", V4, IP4("0028", "06") TCP, SAYS_TCP4 " payload 40 end 40" },
	{ "TCP with options and data", V4,
	  IP4("0030", "06") "0401 0050 00000001 00000002 6018 ffff 0000 0000 01010101 cafebabe",
	  "10.0.0.1:1025 > 10.0.0.2:80 protocol 6 seq 1 ack 2 flags 18 payload 44 end 48" },
	{ "TCP, all flags", V4, IP4("0028", "06") "0401 0050 00000001 00000002 50ff ffff 0000 0000",
	  "10.0.0.1:1025 > 10.0.0.2:80 protocol 6 seq 1 ack 2 flags ff payload 40 end 40" },
	{ "TCP, padding after the packet", V4, IP4("0028", "06") TCP "000000000000",
	  SAYS_TCP4 " payload 40 end 40" },
	{ "TCP, data offset 4", V4,
	  IP4("0028", "06") "0401 0050 00000001 00000002 4002 ffff 0000 0000", "malformed" },
	{ "TCP, options beyond the packet", V4,
	  IP4("0028", "06") "0401 0050 00000001 00000002 6002 ffff 0000 0000 01010101",
	  "malformed" },
	{ "TCP, length has no room for it", V4, IP4("0020", "06") TCP, "malformed" },
	{ "UDP over IPv4", V4, IP4("0020", "11") UDP("0035", "000c") "cafebabe",
	  "10.0.0.1:1025 > 10.0.0.2:53 protocol 17 payload 28 end 32" },
	{ "UDP, length shorter than the packet", V4,
	  IP4("0020", "11") UDP("0035", "000a") "cafebabe",
	  "10.0.0.1:1025 > 10.0.0.2:53 protocol 17 payload 28 end 30" },
	{ "UDP, length beyond the packet", V4, IP4("0020", "11") UDP("0035", "000d") "cafebabe00",
	  "malformed" },
	{ "UDP, length 7", V4, IP4("0020", "11") UDP("0035", "0007") "cafebabe", "malformed" },
	{ "UDP, length 0 over IPv4", V4, IP4("0020", "11") UDP("0035", "0000") "cafebabe",
	  "malformed" },
	{ "UDP, length 0 over IPv6", V6, IP6("000c", "11") UDP("0035", "0000") "cafebabe",
	  SAYS_DNS6 " payload 48 end 52" },
	{ "UDP without payload", V4, IP4("001c", "11") UDP("0035", "0008"),
	  "10.0.0.1:1025 > 10.0.0.2:53 protocol 17 payload 28 end 28" },
	{ "UDP-Lite, coverage 8", V4, IP4("0020", "88") UDP("0035", "0008") "cafebabe",
	  "10.0.0.1:1025 > 10.0.0.2:53 protocol 136 payload 28 end 32" },
	{ "UDP-Lite, coverage 0", V4, IP4("0020", "88") UDP("0035", "0000") "cafebabe",
	  "10.0.0.1:1025 > 10.0.0.2:53 protocol 136 payload 28 end 32" },
	{ "UDP-Lite, coverage 7", V4, IP4("0020", "88") UDP("0035", "0007") "cafebabe",
	  "malformed" },
	{ "UDP-Lite, coverage beyond the packet", V4,
	  IP4("0020", "88") UDP("0035", "000d") "cafebabe00", "malformed" },
	{ "SCTP", V4, IP4("0024", "84") "0401 0050 11223344 55667788 cafebabe",
	  "10.0.0.1:1025 > 10.0.0.2:80 protocol 132 payload 32 end 36" },
	{ "SCTP, length has no room for it", V4, IP4("001f", "84") "0401 0050 11223344 55667788",
	  "malformed" },
	{ "ICMP echo", V4, IP4("001c", "01") "0800 0000 abcd 0001",
	  "10.0.0.1:43981 > 10.0.0.2:43981 protocol 1 icmp 8/0 payload 28 end 28" },
	{ "ICMP echo reply", V4, IP4("001c", "01") "0000 0000 abcd 0001",
	  "10.0.0.1:43981 > 10.0.0.2:43981 protocol 1 payload 28 end 28" },
	{ "ICMP redirect", V4, IP4("001c", "01") "0501 0000 0a000009",
	  "10.0.0.1 > 10.0.0.2 protocol 1 icmp 5/1 payload 28 end 28" },
	{ "ICMPv6 echo", V6, IP6("0008", "3a") "8000 0000 abcd 0001",
	  "[2001:db8::1]:43981 > [2001:db8::2]:43981 protocol 58 icmp 128/0 payload 48 end 48" },
	{ "ICMPv6 echo reply", V6, IP6("0008", "3a") "8100 0000 abcd 0001",
	  "[2001:db8::1]:43981 > [2001:db8::2]:43981 protocol 58 icmp 129/0 payload 48 end 48" },
	{ "ICMPv6 neighbour solicitation", V6, IP6("0018", "3a") "8700 0000 00000000" D6,
	  "2001:db8::1 > 2001:db8::2 protocol 58 icmp 135/0 payload 48 end 64" },
	{ "ICMPv6 over IPv4", V4, IP4("001c", "3a") "8000 0000 abcd 0001",
	  "10.0.0.1 > 10.0.0.2 protocol 58 payload 20 end 28" },
	{ "ICMP over IPv6", V6, IP6("0008", "01") "0800 0000 abcd 0001",
	  "2001:db8::1 > 2001:db8::2 protocol 1 payload 40 end 48" },
	{ "a protocol without ports", V4, IP4("0018", "70") "04010050",
	  "10.0.0.1 > 10.0.0.2 protocol 112 payload 20 end 24" },
	{ "IPv4 with options", V4, "4700 0030 1234 4000 40 06 0000" A B "01 9404 0000 00 ffff" TCP,
	  SAYS_TCP4 " payload 48 end 48" },
	{ "IPv4, options end early", V4, "4600 002c 1234 4000 40 06 0000" A B "01 00 ffff" TCP,
	  SAYS_TCP4 " payload 44 end 44" },
	{ "IPv4, loose source route goes on", V4,
	  "4700 0030 1234 4000 40 06 0000" A B "8307 04 0a000003 00" TCP,
	  SAYS_TCP4 " routed payload 48 end 48" },
	{ "IPv4, strict source route goes on", V4,
	  "4700 0030 1234 4000 40 06 0000" A B "01 8907 04 0a000003" TCP,
	  SAYS_TCP4 " routed payload 48 end 48" },
	{ "IPv4, source route is over", V4,
	  "4700 0030 1234 4000 40 06 0000" A B "8307 08 0a000003 00" TCP,
	  SAYS_TCP4 " payload 48 end 48" },
	{ "IPv4, source route without pointer", V4,
	  "4600 002c 1234 4000 40 06 0000" A B "8302 0404" TCP, "malformed" },
	{ "IPv4, source route that points before itself", V4,
	  "4600 002c 1234 4000 40 06 0000" A B "8303 0300" TCP, "malformed" },
	{ "IPv4, option of length 1", V4, "4600 002c 1234 4000 40 06 0000" A B "9401 0000" TCP,
	  "malformed" },
	{ "IPv4, option beyond the header", V4,
	  "4600 002c 1234 4000 40 06 0000" A B "9405 0000" TCP, "malformed" },
	{ "IPv4, option without length", V4, "4600 002c 1234 4000 40 06 0000" A B "010101 94" TCP,
	  "malformed" },
	{ "IPv4, forty one-byte options", V4,
	  "4f00 0050 1234 4000 40 06 0000" A B NOPS NOPS NOPS NOPS TCP,
	  SAYS_TCP4 " payload 80 end 80" },
	{ "IPv4, version 5", V4, "5500 0028 1234 4000 40 06 0000" A B TCP, "malformed" },
	{ "IPv4, header of 16 bytes", V4, "4400 0028 1234 4000 40 06 0000" A B TCP, "malformed" },
	{ "IPv4, total length shorter than the header", V4,
	  "4600 0017 1234 4000 40 06 0000" A B "01010101" TCP, "malformed" },
	{ "IPv4, total length just the header", V4, IP4("0014", "06") TCP, "malformed" },
	{ "IPv4, total length 0", V4, IP4("0000", "06") TCP,
	  SAYS_TCP4 " no-length payload 40 end none" },
	{ "IPv4, UDP of no length in one of no length", V4, IP4("0000", "11") UDP("0035", "0000"),
	  "10.0.0.1:1025 > 10.0.0.2:53 protocol 17 no-length payload 28 end none" },
	{ "IPv4, first fragment", V4,
	  FRAGMENT("0024", "2000", "11") UDP("0035", "0400") "0011223344556677",
	  "10.0.0.1:1025 > 10.0.0.2:53 protocol 17 id 1234 first-fragment payload 28 end 36" },
	{ "IPv4, first fragment too small for TCP", V4, FRAGMENT("001c", "2000", "06") TCP,
	  "malformed" },
	{ "IPv4, middle fragment", V4, FRAGMENT("0028", "2001", "06") TCP,
	  "10.0.0.1 > 10.0.0.2 protocol 6 id 1234 fragment end 40" },
	{ "IPv4, last fragment", V4, FRAGMENT("0028", "0001", "06") TCP,
	  "10.0.0.1 > 10.0.0.2 protocol 6 id 1234 fragment end 40" },
	{ "IPv4, farthest fragment", V4, FRAGMENT("0028", "1fff", "06") TCP,
	  "10.0.0.1 > 10.0.0.2 protocol 6 id 1234 fragment end 40" },
	{ "IPv4, AH", V4, IP4("0040", "33") AH("06") TCP, SAYS_TCP4 " payload 64 end 64" },
	{ "IPv4, ESP", V4, IP4("0020", "32") "0000000100000001 04010050",
	  "10.0.0.1 > 10.0.0.2 protocol 50 payload 20 end 32" },
	{ "IPv4, an IPv6 extension header is none", V4, IP4("0030", "3c") EXT("06") TCP,
	  "10.0.0.1 > 10.0.0.2 protocol 60 payload 20 end 48" },
	{ "TCP over IPv6", V6, IP6("0014", "06") TCP, SAYS_TCP6 " payload 60 end 60" },
	{ "IPv6, version 4", V6, "40000000 0014 06 40" S6 D6 TCP, "malformed" },
	{ "IPv6, source is a mapped IPv4", V6, "60000000 0014 06 40" MAPPED D6 TCP, "malformed" },
	{ "IPv6, destination is a mapped IPv4", V6, "60000000 0014 06 40" S6 MAPPED TCP,
	  "malformed" },
	{ "IPv6, payload length 0", V6, IP6("0000", "06") TCP,
	  SAYS_TCP6 " no-length payload 60 end none" },
	{ "IPv6, payload length too short", V6, IP6("0013", "06") TCP, "malformed" },
	{ "IPv6, all eight kinds of extension headers", V6,
	  IP6("005c", "00") EXT("2b") ROUTING("2c", "00") ATOMIC("33") AH6("3c") EXT("87") EXT("8b")
		  EXT("8c") EXT("06") TCP,
	  SAYS_TCP6 " payload 132 end 132" },
	{ "IPv6, nine extension headers", V6,
	  IP6("005c", "3c") EXT("3c") EXT("3c") EXT("3c") EXT("3c") EXT("3c") EXT("3c") EXT("3c")
		  EXT("3c") EXT("06") TCP,
	  "too deep" },
	{ "IPv6, eight extension headers and ESP", V6,
	  IP6("0050", "3c") EXT("3c") EXT("3c") EXT("3c") EXT("3c") EXT("3c") EXT("3c") EXT("3c")
		  EXT("32") "0000000100000001",
	  "2001:db8::1 > 2001:db8::2 protocol 50 payload 104 end 120" },
	{ "IPv6, hop-by-hop not first", V6, IP6("0024", "3c") EXT("00") EXT("06") TCP,
	  "malformed" },
	{ "IPv6, extension header of 24 bytes", V6,
	  IP6("002c", "3c") "06 02 0000 00000000 0011223344556677 8899aabbccddeeff" TCP,
	  SAYS_TCP6 " payload 84 end 84" },
	{ "IPv6, extension header of 2048 bytes", V6,
	  IP6("0814", "3c") "06 ff 0000 00000000" LONG TCP, SAYS_TCP6 " payload 2108 end 2108" },
	{ "IPv6, extension header beyond the packet", V6,
	  IP6("001c", "3c") "06 03 0000 00000000" TCP, "malformed" },
	{ "IPv6, no room for an extension header", V6, IP6("0007", "3c") EXT("06") TCP,
	  "malformed" },
	{ "IPv6, routing goes on", V6, IP6("001c", "2b") ROUTING("06", "01") TCP,
	  SAYS_TCP6 " routed payload 68 end 68" },
	{ "IPv6, segment routing", V6, IP6("002c", "2b") "06 02 04 01 01 00 0000" D6 TCP,
	  SAYS_TCP6 " routed payload 84 end 84" },
	{ "IPv6, AH that is too short", V6, IP6("001c", "33") "06 00 0000 00000001" TCP,
	  "malformed" },
	{ "IPv6, ESP", V6, IP6("000c", "32") "0000000100000001 04010050",
	  "2001:db8::1 > 2001:db8::2 protocol 50 payload 40 end 52" },
	{ "IPv6, no next header", V6, IP6("0004", "3b") "04010050",
	  "2001:db8::1 > 2001:db8::2 protocol 59 end 44" },
	{ "IPv6, no next header and nothing", V6, IP6("0000", "3b"),
	  "2001:db8::1 > 2001:db8::2 protocol 59 end 40" },
	{ "IPv6, experimental header", V6, IP6("0010", "fd") EXT("06") "0401005000000001",
	  "2001:db8::1 > 2001:db8::2 protocol 253 payload 40 end 56" },
	{ "IPv6, first fragment", V6,
	  IP6("0018", "2c") "11 00 0001 00abcdef" UDP("0035", "0400") "0011223344556677",
	  SAYS_DNS6 " id abcdef first-fragment payload 56 end 64" },
	{ "IPv6, first fragment with options", V6,
	  IP6("0020", "2c") "3c 00 0001 00abcdef" EXT("11") UDP("0035", "0400") "0011223344556677",
	  SAYS_DNS6 " id abcdef first-fragment payload 64 end 72" },
	{ "IPv6, later fragment", V6, IP6("001c", "2c") "06 00 0009 00abcdef" TCP,
	  "2001:db8::1 > 2001:db8::2 protocol 6 id abcdef fragment end 68" },
	{ "IPv6, later fragment of one with options", V6,
	  IP6("0010", "2c") "3c 00 0008 00abcdef" EXT("06"),
	  "2001:db8::1 > 2001:db8::2 protocol 60 id abcdef fragment end 56" },
	{ "IPv6, atomic fragment", V6, IP6("001c", "2c") ATOMIC("06") TCP,
	  SAYS_TCP6 " payload 68 end 68" },
	{ "IPv6, two fragment headers", V6, IP6("0024", "2c") ATOMIC("2c") ATOMIC("06") TCP,
	  "malformed" },
	{ "Ethernet", ETHERNET, MACS "0800" IP4("0028", "06") TCP, SAYS_TCP4 " payload 54 end 54" },
	{ "Ethernet, one tag", ETHERNET, MACS "8100 0064 0800" IP4("0028", "06") TCP,
	  SAYS_TCP4 " payload 58 end 58" },
	{ "Ethernet, two tags", ETHERNET, MACS "88a8 0001 8100 0064 86dd" IP6("0014", "06") TCP,
	  SAYS_TCP6 " payload 82 end 82" },
	{ "Ethernet, two tags of old", ETHERNET,
	  MACS "9100 0001 8100 0064 0800" IP4("0028", "06") TCP, SAYS_TCP4 " payload 62 end 62" },
	{ "Ethernet, three tags", ETHERNET,
	  MACS "88a8 0001 8100 0064 8100 0065 0800" IP4("0028", "06") TCP, "too deep" },
	{ "Ethernet, ARP", ETHERNET,
	  MACS "0806"
	       "0001080006040001"
	       "0202020202020a000001000000000000 0a000002",
	  "not IP" },
	{ "Ethernet, 802.3", ETHERNET, MACS "0026 424203" IP4("0028", "06"), "not IP" },
	{ "Ethernet says IPv4, packet says IPv6", ETHERNET, MACS "0800" IP6("0014", "06") TCP,
	  "malformed" },
	{ "neither IPv4 nor IPv6", OTHER, IP4("0028", "06") TCP, "not IP" },
	{ "IP in IP", V4, IP4("003c", "04") IP4("0028", "06") TCP,
	  "10.0.0.1 > 10.0.0.2 protocol 4 payload 20 end 60"
	  "; in it: " SAYS_TCP4 " payload 60 end 60" },
	{ "IPv6 in IPv4", V4, IP4("0050", "29") IP6("0014", "06") TCP,
	  "10.0.0.1 > 10.0.0.2 protocol 41 payload 20 end 80"
	  "; in it: " SAYS_TCP6 " payload 80 end 80" },
	{ "IPv4 in IPv6", V6, IP6("0028", "04") IP4("0028", "06") TCP,
	  "2001:db8::1 > 2001:db8::2 protocol 4 payload 40 end 80"
	  "; in it: " SAYS_TCP4 " payload 80 end 80" },
	{ "IPv6 in IPv6", V6, IP6("003c", "29") IP6("0014", "06") TCP,
	  "2001:db8::1 > 2001:db8::2 protocol 41 payload 40 end 100"
	  "; in it: " SAYS_TCP6 " payload 100 end 100" },
	{ "IP in IP, the outer one is shorter", V4, IP4("0034", "04") IP4("0028", "06") TCP,
	  "10.0.0.1 > 10.0.0.2 protocol 4 payload 20 end 52"
	  "; in it: truncated" },
	{ "IP in IP, later fragment", V4, FRAGMENT("003c", "0001", "04") IP4("0028", "06") TCP,
	  "10.0.0.1 > 10.0.0.2 protocol 4 id 1234 fragment end 60" },
	{ "VXLAN", V4,
	  IP4("005a", "11") UDP("12b5", "0046") "08000000 00002a00" MACS "0800" IP4("0028", "06")
		  TCP,
	  "10.0.0.1:1025 > 10.0.0.2:4789 protocol 17 payload 28 end 90"
	  "; in it: " SAYS_TCP4 " payload 90 end 90" },
	{ "VXLAN at Linux's port, with policy", V4,
	  IP4("005e", "11") UDP("2118", "004a") "88000001 00002a00" MACS
						"8100 0064 0800" IP4("0028", "06") TCP,
	  "10.0.0.1:1025 > 10.0.0.2:8472 protocol 17 payload 28 end 94"
	  "; in it: " SAYS_TCP4 " payload 94 end 94" },
	{ "VXLAN without identifier", V4,
	  IP4("005a", "11") UDP("12b5", "0046") "00000000 00002a00" MACS "0800" IP4("0028", "06")
		  TCP,
	  "10.0.0.1:1025 > 10.0.0.2:4789 protocol 17 payload 28 end 90"
	  "; in it: malformed" },
	{ "VXLAN-GPE at VXLAN's port", V4,
	  IP4("004c", "11") UDP("12b5", "0038") "0c000001 00002a00" IP4("0028", "06") TCP,
	  "10.0.0.1:1025 > 10.0.0.2:4789 protocol 17 payload 28 end 76" "; in it: malformed" },
	{ "VXLAN, ARP in it", V4,
	  IP4("004e", "11") UDP("12b5", "003a") "08000000 00002a00" MACS "0806"
						"0001080006040001"
						"0202020202020a000001000000000000 0a000002",
	  "10.0.0.1:1025 > 10.0.0.2:4789 protocol 17 payload 28 end 78"
	  "; in it: not IP" },
	{ "VXLAN, UDP length cuts the inner packet", V4,
	  IP4("005a", "11") UDP("12b5", "002a") "08000000 00002a00" MACS "0800" IP4("0028", "06")
		  TCP,
	  "10.0.0.1:1025 > 10.0.0.2:4789 protocol 17 payload 28 end 62"
	  "; in it: truncated" },
	{ "VXLAN's port as the source", V4, IP4("0020", "11") "12b5 0035 000c 0000 08000000",
	  "10.0.0.1:4789 > 10.0.0.2:53 protocol 17 payload 28 end 32" },
	{ "VXLAN over IPv6, UDP without length", V6,
	  IP6("0046", "11") UDP("12b5", "0000") "08000000 00002a00" MACS "0800" IP4("0028", "06")
		  TCP,
	  "[2001:db8::1]:1025 > [2001:db8::2]:4789 protocol 17 payload 48 end 110"
	  "; in it: " SAYS_TCP4 " payload 110 end 110" },
	{ "Geneve", V4,
	  IP4("005a", "11") UDP("17c1", "0046") "00006558 00002a00" MACS "0800" IP4("0028", "06")
		  TCP,
	  "10.0.0.1:1025 > 10.0.0.2:6081 protocol 17 payload 28 end 90"
	  "; in it: " SAYS_TCP4 " payload 90 end 90" },
	{ "Geneve with options", V4,
	  IP4("0062", "11") UDP("17c1", "004e") "02406558 00002a00 014b8101 cafebabe" MACS
						"0800" IP4("0028", "06") TCP,
	  "10.0.0.1:1025 > 10.0.0.2:6081 protocol 17 payload 28 end 98"
	  "; in it: " SAYS_TCP4 " payload 98 end 98" },
	{ "Geneve with IP in it", V4,
	  IP4("0060", "11") UDP("17c1", "004c") "000086dd 00002a00" IP6("0014", "06") TCP,
	  "10.0.0.1:1025 > 10.0.0.2:6081 protocol 17 payload 28 end 96"
	  "; in it: " SAYS_TCP6 " payload 96 end 96" },
	{ "Geneve, version 1", V4,
	  IP4("005a", "11") UDP("17c1", "0046") "40006558 00002a00" MACS "0800" IP4("0028", "06")
		  TCP,
	  "10.0.0.1:1025 > 10.0.0.2:6081 protocol 17 payload 28 end 90"
	  "; in it: malformed" },
	{ "Geneve, control message", V4,
	  IP4("005a", "11") UDP("17c1", "0046") "00806558 00002a00" MACS "0800" IP4("0028", "06")
		  TCP,
	  "10.0.0.1:1025 > 10.0.0.2:6081 protocol 17 payload 28 end 90" },
	{ "Geneve, options beyond the packet", V4,
	  IP4("0024", "11") UDP("17c1", "0010") "3f006558 00002a00",
	  "10.0.0.1:1025 > 10.0.0.2:6081 protocol 17 payload 28 end 36" "; in it: truncated" },
	{ "Geneve with something else in it", V4,
	  IP4("0028", "11") UDP("17c1", "0014") "00008847 00002a00 00001140",
	  "10.0.0.1:1025 > 10.0.0.2:6081 protocol 17 payload 28 end 40"
	  "; in it: not IP" },
	{ "GRE", V4, IP4("0040", "2f") "0000 0800" IP4("0028", "06") TCP,
	  "10.0.0.1 > 10.0.0.2 protocol 47 payload 20 end 64"
	  "; in it: " SAYS_TCP4 " payload 64 end 64" },
	{ "GRE with checksum, key and sequence", V4,
	  IP4("0060", "2f") "b000 86dd 00000000 0000002a 00000001" IP6("0014", "06") TCP,
	  "10.0.0.1 > 10.0.0.2 protocol 47 payload 20 end 96"
	  "; in it: " SAYS_TCP6 " payload 96 end 96" },
	{ "GRE with Ethernet in it", V4,
	  IP4("004e", "2f") "0000 6558" MACS "0800" IP4("0028", "06") TCP,
	  "10.0.0.1 > 10.0.0.2 protocol 47 payload 20 end 78"
	  "; in it: " SAYS_TCP4 " payload 78 end 78" },
	{ "GRE with routing", V4, IP4("0040", "2f") "4000 0800" IP4("0028", "06") TCP,
	  "10.0.0.1 > 10.0.0.2 protocol 47 payload 20 end 64"
	  "; in it: malformed" },
	{ "GRE, PPTP", V4, IP4("0020", "2f") "3001 880b 00040001 00000001",
	  "10.0.0.1 > 10.0.0.2 protocol 47 payload 20 end 32" },
	{ "ICMP unreachable, 8 bytes of TCP", V4,
	  IP4("0038", "01") "0303 0000 00000000" IP4("05dc", "06") "0401 0050 00000001",
	  "10.0.0.1 > 10.0.0.2 protocol 1 icmp 3/3 error payload 28 end 56"
	  "; about: " SAYS_PART4 " end 1528" },
	{ "ICMP unreachable, all of TCP", V4,
	  IP4("0044", "01") "0301 0000 00000000" IP4("0028", "06") TCP,
	  "10.0.0.1 > 10.0.0.2 protocol 1 icmp 3/1 error payload 28 end 68"
	  "; about: " SAYS_PART4 " end 68" },
	{ "ICMP unreachable, 7 bytes of TCP", V4,
	  IP4("0037", "01") "0301 0000 00000000" IP4("05dc", "06") "0401 0050 00000001",
	  "10.0.0.1 > 10.0.0.2 protocol 1 icmp 3/1 error payload 28 end 55" "; about: truncated" },
	{ "ICMP fragmentation needed", V4,
	  IP4("0038", "01") "0304 0000 0000 05dc" IP4("05dc", "06") "0401 0050 00000001",
	  "10.0.0.1 > 10.0.0.2 protocol 1 icmp 3/4 error payload 28 end 56"
	  "; about: " SAYS_PART4 " end 1528" },
	{ "ICMP time exceeded about UDP", V4,
	  IP4("0038", "01") "0b00 0000 00000000" IP4("0030", "11") UDP("829a", "001c"),
	  "10.0.0.1 > 10.0.0.2 protocol 1 icmp 11/0 error payload 28 end 56"
	  "; about: 10.0.0.1:1025 > 10.0.0.2:33434 protocol 17 embedded end 76" },
	{ "ICMP parameter problem about an echo", V4,
	  IP4("0038", "01") "0c00 0000 14000000" IP4("0054", "01") "0800 0000 abcd 0001",
	  "10.0.0.1 > 10.0.0.2 protocol 1 icmp 12/0 error payload 28 end 56"
	  "; about: 10.0.0.1:43981 > 10.0.0.2:43981 protocol 1 icmp 8/0 embedded end 112" },
	{ "ICMP error about a later fragment", V4,
	  IP4("0038", "01") "0b01 0000 00000000" FRAGMENT("05dc", "00b9", "11") "0011223344556677",
	  "10.0.0.1 > 10.0.0.2 protocol 1 icmp 11/1 error payload 28 end 56"
	  "; about: 10.0.0.1 > 10.0.0.2 protocol 17 id 1234 fragment embedded end 1528" },
	{ "ICMP error about an ICMP error", V4,
	  IP4("0038", "01") "0301 0000 00000000" IP4("0038", "01") "0301 0000 00000000",
	  "10.0.0.1 > 10.0.0.2 protocol 1 icmp 3/1 error payload 28 end 56"
	  "; about: 10.0.0.1 > 10.0.0.2 protocol 1 icmp 3/1 error embedded end 84" },
	{ "ICMP error with extensions behind 8 words", V4,
	  IP4("0044", "01") "0301 0000 00080000" IP4(
		  "05dc", "06") "0401 0050 00000001 00000000 20000000 00080101",
	  "10.0.0.1 > 10.0.0.2 protocol 1 icmp 3/1 error payload 28 end 68"
	  "; about: " SAYS_PART4 " end 1528" },
	{ "ICMP error, length cuts the packet", V4,
	  IP4("0044", "01") "0301 0000 00060000" IP4(
		  "05dc", "06") "0401 0050 00000001 00000000 20000000 00080101",
	  "10.0.0.1 > 10.0.0.2 protocol 1 icmp 3/1 error payload 28 end 68"
	  "; about: truncated" },
	{ "ICMP error about IPv6", V4, IP4("0058", "01") "0301 0000 00000000" IP6("0014", "06") TCP,
	  "10.0.0.1 > 10.0.0.2 protocol 1 icmp 3/1 error payload 28 end 88"
	  "; about: malformed" },
	{ "ICMP error without packet", V4, IP4("001c", "01") "0301 0000 00000000",
	  "10.0.0.1 > 10.0.0.2 protocol 1 icmp 3/1 error payload 28 end 28"
	  "; about: truncated" },
	{ "ICMP error about SCTP", V4,
	  IP4("0038", "01") "0302 0000 00000000" IP4("0064", "84") "0401 0050 11223344",
	  "10.0.0.1 > 10.0.0.2 protocol 1 icmp 3/2 error payload 28 end 56"
	  "; about: 10.0.0.1:1025 > 10.0.0.2:80 protocol 132 embedded end 128" },
	{ "ICMPv6 unreachable", V6,
	  IP6("0038", "3a") "0104 0000 00000000" IP6("05b4", "06") "0401 0050 00000001",
	  "2001:db8::1 > 2001:db8::2 protocol 58 icmp 1/4 error payload 48 end 96"
	  "; about: " SAYS_PART6 " end 1548" },
	{ "ICMPv6 unreachable with extensions behind 6 words", V6,
	  IP6("0040", "3a") "0104 0000 06000000" IP6("05b4", "06") "0401 0050 00000001"
								   "20000000 00080101",
	  "2001:db8::1 > 2001:db8::2 protocol 58 icmp 1/4 error payload 48 end 104"
	  "; about: " SAYS_PART6 " end 1548" },
	{ "ICMPv6 packet too big", V6,
	  IP6("0038", "3a") "0200 0000 00000500" IP6("05b4", "06") "0401 0050 00000001",
	  "2001:db8::1 > 2001:db8::2 protocol 58 icmp 2/0 error payload 48 end 96"
	  "; about: " SAYS_PART6 " end 1548" },
	{ "ICMPv6 time exceeded behind options", V6,
	  IP6("0040", "3a") "0300 0000 00000000" IP6("05bc", "3c") EXT("06") "0401 0050 00000001",
	  "2001:db8::1 > 2001:db8::2 protocol 58 icmp 3/0 error payload 48 end 104"
	  "; about: " SAYS_PART6 " end 1556" },
	{ "ICMPv6 parameter problem", V6,
	  IP6("0038", "3a") "0401 0000 00000006" IP6("05b4", "06") "0401 0050 00000001",
	  "2001:db8::1 > 2001:db8::2 protocol 58 icmp 4/1 error payload 48 end 96"
	  "; about: " SAYS_PART6 " end 1548" },
	{ "ICMPv6 error, zeros where the packet was cut", V6,
	  IP6("0048", "3a") "0300 0000 00000000" IP6("05bc", "3c")
		  EXT("3c") "0000000000000000 0000000000000000",
	  "2001:db8::1 > 2001:db8::2 protocol 58 icmp 3/0 error payload 48 end 112"
	  "; about: malformed" },
	{ "ICMPv6 error behind a destination option", V6,
	  IP6("0040", "3c") EXT("3a") "0104 0000 00000000" IP6("05b4", "06") "0401 0050 00000001",
	  "2001:db8::1 > 2001:db8::2 protocol 58 icmp 1/4 error payload 56 end 104"
	  "; about: " SAYS_PART6 " end 1556" },
	{ "VXLAN, three tags in it", V4,
	  IP4("0066", "11")
		  UDP("12b5", "0052") "08000000 00002a00" MACS
				      "8100 0001 8100 0002 8100 0003 0800" IP4("0028", "06") TCP,
	  "10.0.0.1:1025 > 10.0.0.2:4789 protocol 17 payload 28 end 102"
	  "; in it: too deep" },
	{ "ICMPv6 error about nine extension headers", V6,
	  IP6("0078", "3a") "0300 0000 00000000" IP6("05bc", "3c") EXT("3c") EXT("3c") EXT("3c")
		  EXT("3c") EXT("3c") EXT("3c") EXT("3c") EXT("3c") EXT("06"),
	  "2001:db8::1 > 2001:db8::2 protocol 58 icmp 3/0 error payload 48 end 160"
	  "; about: too deep" },
};

#endif
