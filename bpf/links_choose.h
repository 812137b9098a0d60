/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BPF_LINKS_CHOOSE_H
#define WEIR_BPF_LINKS_CHOOSE_H

#include "bpf/links.h"
#include "lib/rtnl_decode.h"

/** weir_links_choose() - what a link is, by the rules of bpf/links.h. */
enum weir_link_kind weir_links_choose(const struct weir_links_opts *opts,
				      const struct weir_rtnl_link *link);

#endif
