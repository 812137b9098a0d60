/* SPDX-License-Identifier: Apache-2.0 */
#include "k8s-meta/cgroup_path.h"

#include <stddef.h>
#include <string.h>

#define UUID_LEN 36
#define HASH_LEN 32
#define CONTAINER_ID_LEN_MIN 12
#define CONTAINER_ID_LEN_MAX 64

/** A part of the path: bytes between two slashes, not NUL-terminated. */
struct part {
	const char *text;
	size_t len;
};

static bool next_part(const char **cursor, struct part *ret_part)
{
	const char *p = *cursor + strspn(*cursor, "/");

	if (!*p)
		return false;
	ret_part->text = p;
	ret_part->len = strcspn(p, "/");
	*cursor = p + ret_part->len;
	return true;
}

static bool part_is(const struct part *part, const char *text)
{
	return part->len == strlen(text) && !memcmp(part->text, text, part->len);
}

static bool cut_prefix(struct part *part, const char *prefix)
{
	size_t len = strlen(prefix);

	if (part->len < len || memcmp(part->text, prefix, len) != 0)
		return false;
	part->text += len;
	part->len -= len;
	return true;
}

static bool cut_suffix(struct part *part, const char *suffix)
{
	size_t len = strlen(suffix);

	if (part->len < len || memcmp(part->text + part->len - len, suffix, len) != 0)
		return false;
	part->len -= len;
	return true;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* A UUID, with '_' for '-' as the systemd driver writes it, or a static pod's MD5. */
static bool read_uid(const struct part *part, char *ret_uid)
{
	char uid[UUID_LEN + 1];
	char dash = 0;

	if (part->len != UUID_LEN && part->len != HASH_LEN)
		return false;
	for (size_t i = 0; i < part->len; i++) {
		char c = part->text[i];
		bool at_dash = part->len == UUID_LEN && (i == 8 || i == 13 || i == 18 || i == 23);

		if (at_dash && !dash && (c == '-' || c == '_'))
			dash = c;
		if (at_dash ? !dash || c != dash : !is_hex(c))
			return false;
		uid[i] = at_dash ? '-' : c;
	}
	memcpy(ret_uid, uid, part->len);
	ret_uid[part->len] = '\0';
	return true;
}

static bool read_container_id(const struct part *part, char *ret_id)
{
	if (part->len < CONTAINER_ID_LEN_MIN || part->len > CONTAINER_ID_LEN_MAX)
		return false;
	for (size_t i = 0; i < part->len; i++) {
		if (!is_hex(part->text[i]))
			return false;
	}
	memcpy(ret_id, part->text, part->len);
	ret_id[part->len] = '\0';
	return true;
}

/* "cri-containerd-ID.scope" (systemd driver), "ID" or "crio-ID" (cgroupfs driver). The conmon of
 * a container ("crio-conmon-ID.scope") fails by its name not being hexadecimal. */
static bool read_container(struct part part, char *ret_id)
{
	static const char *const prefixes[] = { "cri-containerd-", "crio-", "docker-", "libpod-" };

	(void)cut_suffix(&part, ".scope");
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (cut_prefix(&part, prefixes[i]))
			break;
	}
	return read_container_id(&part, ret_id);
}

/* The systemd driver's slice of a pod: "[ROOT-]kubepods[-QOS]-podUID", ".slice" cut off. */
static bool read_pod_slice(struct part part, char *ret_uid)
{
	static const size_t lengths[] = { UUID_LEN, HASH_LEN };
	bool found = false;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]) && !found; i++) {
		struct part before = part, uid;

		if (part.len < lengths[i])
			continue;
		before.len -= lengths[i];
		uid = (struct part){ before.text + before.len, lengths[i] };
		found = cut_suffix(&before, "-pod") && read_uid(&uid, ret_uid);
		if (found)
			part = before;
	}
	if (!found)
		return false;
	if (!cut_suffix(&part, "-burstable"))
		(void)cut_suffix(&part, "-besteffort");
	return cut_suffix(&part, "kubepods") && (!part.len || part.text[part.len - 1] == '-');
}

/* containerd told to use cgroupfs by a kubelet that uses systemd makes one cgroup named
 * "kubepods-podUID.slice:cri-containerd:ID". */
static bool read_colon_form(const struct part *part, struct weir_cgroup_path *parsed)
{
	static const char mark[] = ".slice:";
	const char *at = memmem(part->text, part->len, mark, sizeof(mark) - 1);
	const char *colon = memrchr(part->text, ':', part->len);
	struct part id;

	if (!at || colon < at + sizeof(mark) - 1)
		return false;
	if (!read_pod_slice((struct part){ part->text, (size_t)(at - part->text) },
			    parsed->pod_uid))
		return false;
	id = (struct part){ colon + 1, (size_t)(part->text + part->len - colon) - 1 };
	(void)read_container_id(&id, parsed->container_id);
	return true;
}

/* systemd.unit(5): the characters of a unit's name. */
static bool is_unit_of(const struct part *part, const char *suffix)
{
	struct part name = *part;

	if (!cut_suffix(&name, suffix))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.text[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c && strchr(":-_.\\@", c))))
			return false;
	}
	return name.len > 0;
}

static bool has_suffix(struct part part, const char *suffix)
{
	return cut_suffix(&part, suffix);
}

/* A container manager's own scope: "docker-ID.scope". */
static bool is_container_scope(struct part part)
{
	static const char *const prefixes[] = { "docker-", "libpod-", "cri-containerd-", "nerdctl-",
						"crio-" };
	char id[WEIR_CONTAINER_ID_MAX];

	if (!cut_suffix(&part, ".scope"))
		return false;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (cut_prefix(&part, prefixes[i]))
			return part.len == CONTAINER_ID_LEN_MAX && read_container_id(&part, id);
	}
	return false;
}

/* Whoever runs in it names the cgroups below: a service or scope may be delegated, a user's is. */
static bool is_foreign(const struct part *part)
{
	return part_is(part, "user.slice") || has_suffix(*part, ".service") ||
	       (has_suffix(*part, ".scope") && !is_container_scope(*part));
}

/* Where read_colon_form()'s cgroups lie: runc makes them below its caller's. */
static bool is_runtime(const struct part *part)
{
	return part_is(part, "containerd.service") || part_is(part, "crio.service");
}

/* See the rule in cgroup_path.h. The outermost pod counts: what lies inside a container was named
 * by the container. */
static bool find_pod(const char *path, struct weir_cgroup_path *parsed)
{
	enum {
		OUTSIDE,
		IN_KUBEPODS,
		IN_QOS
	} state = OUTSIDE;
	const char *cursor = path;
	struct part part;

	while (next_part(&cursor, &part)) {
		struct part name = part;

		if (is_foreign(&part))
			return is_runtime(&part) && next_part(&cursor, &part) &&
			       read_colon_form(&part, parsed);
		if (read_colon_form(&part, parsed))
			return true;
		if (cut_suffix(&name, ".slice") ? read_pod_slice(name, parsed->pod_uid)
						: state != OUTSIDE && cut_prefix(&name, "pod") &&
							  read_uid(&name, parsed->pod_uid)) {
			if (next_part(&cursor, &part))
				(void)read_container(part, parsed->container_id);
			return true;
		}
		if (part_is(&part, "kubepods"))
			state = IN_KUBEPODS;
		else if (state == IN_KUBEPODS &&
			 (part_is(&part, "burstable") || part_is(&part, "besteffort")))
			state = IN_QOS;
		else
			state = OUTSIDE;
	}
	return false;
}

static bool has_dots(const char *path)
{
	const char *cursor = path;
	struct part part;

	while (next_part(&cursor, &part)) {
		if (part_is(&part, ".") || part_is(&part, ".."))
			return true;
	}
	return false;
}

/* As systemd's cg_path_get_unit(): what comes first after the slices, if it is a unit. Deeper names
 * are those of whoever the unit was delegated to. */
static void find_unit(const char *path, bool trusted, char *ret_unit)
{
	struct part part, unit = { path, strlen(path) };
	const char *cursor = path;

	while (trusted && next_part(&cursor, &part)) {
		if (is_unit_of(&part, ".slice"))
			continue;
		if (is_unit_of(&part, ".service") || is_unit_of(&part, ".scope"))
			unit = part;
		break;
	}
	if (unit.len >= WEIR_UNIT_MAX) {
		unit.len = WEIR_UNIT_MAX - 1;
		/* never in the middle of a UTF-8 sequence */
		while (unit.len && ((unsigned char)unit.text[unit.len] & 0xc0) == 0x80)
			unit.len--;
	}
	memcpy(ret_unit, unit.text, unit.len);
	ret_unit[unit.len] = '\0';
}

void weir_cgroup_path_parse(const char *path, struct weir_cgroup_path *ret_parsed)
{
	/* The kernel writes ".." for what lies outside the reader's cgroup namespace: the names
	 * that follow are not below what precedes them. */
	bool trusted = path[0] == '/' && !has_dots(path);

	memset(ret_parsed, 0, sizeof(*ret_parsed));
	ret_parsed->is_pod = trusted && find_pod(path, ret_parsed);
	if (ret_parsed->is_pod)
		return;
	ret_parsed->pod_uid[0] = '\0';
	find_unit(path, trusted, ret_parsed->unit);
}
