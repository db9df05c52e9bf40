/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is something on USB still on its way to be a disk? From the plug to the SCSI host, each step can be seen:
 *
 *   a port has a connection, and no device yet: hubs take their ports one after another, 200 ms each; the hub itself is asked, as lsusb
 *       does (USB 3.2, 10.16.2.6 Get Port Status; usbdevfs, include/uapi/linux/usbdevice_fs.h)
 *   /sys/bus/usb/devices/1-2/bConfigurationValue    empty: a device that is not set up yet
 *   /sys/bus/usb/devices/1-2:1.0/bInterfaceClass    "08", mass storage, without `driver`: its driver is not loaded, or not there yet
 *
 * What the hosts do then, settle.c sees.
 */
#include "linux/shim.h"
#include "core/base/bytes.h"

#define DEVICES POD_SYS_DIR "/bus/usb/devices"

#define NAMES_MAX    64u
#define NAME_LEN     24u
#define PORTS_MAX    32u
#define USB_MAJOR    189u
#define STATUS_BYTES 4u

/* Of wPortStatus: bit 0, something is there; bits 5 to 8 of a hub of USB 3, the state of the link, 7: it is being trained. */
#define CONNECTED  1u
#define LINK_STATE 0x1e0u
#define POLLING	   (7u << 5)

struct control {
	uint8_t type, request;
	uint16_t value, index, length;
	uint32_t timeout_ms;
	void *data;
};

#define USBDEVFS_CONTROL (3ul << 30 | (unsigned long)sizeof(struct control) << 16 | 'U' << 8)

struct names {
	char name[NAMES_MAX][NAME_LEN];
	unsigned count;
	bool overflow;
};

static bool collect_name(void *ctx, const char *name)
{
	struct names *n = ctx;
	if (n->count < NAMES_MAX && pod_strlcpy(n->name[n->count], name, NAME_LEN) < NAME_LEN)
		n->count++;
	else
		n->overflow = true;
	return !n->overflow;
}

static bool read_attr(const char *device, const char *attr, char *text, size_t size)
{
	char path[96];
	(void)pod_snprintf(path, sizeof path, DEVICES "/%s/%s", device, attr);
	return pod_read_text(path, text, size) >= 0;
}

static bool exists(const char *device, const char *what)
{
	char path[96];
	struct pod_sys_stat st;
	(void)pod_snprintf(path, sizeof path, DEVICES "/%s%s", device, what);
	return pod_sys_stat(path, true, &st) >= 0;
}

/* "usb2" has "2-1" at its first port, "2-1" has "2-1.1". */
static bool has_child(const char *hub, unsigned port)
{
	char child[NAME_LEN + 8];
	if (hub[0] == 'u')
		(void)pod_snprintf(child, sizeof child, "%s-%u", hub + 3, port);
	else
		(void)pod_snprintf(child, sizeof child, "%s.%u", hub, port);
	return exists(child, "");
}

static bool port_waits(int fd, const char *hub, unsigned port, bool superspeed)
{
	uint8_t status[STATUS_BYTES] = {0};
	struct control c = {.type = 0xa3, .index = (uint16_t)port, .length = sizeof status, .timeout_ms = 100, .data = status};
	if (pod_sys_ioctl(fd, USBDEVFS_CONTROL, &c) != (long)sizeof status)
		return false;
	unsigned s = pod_get_le16(status);
	return ((s & CONNECTED) && !has_child(hub, port)) || (superspeed && !(s & CONNECTED) && (s & LINK_STATE) == POLLING);
}

static bool hub_waits(const char *hub)
{
	char text[32];
	uint32_t major, minor;
	if (!read_attr(hub, "dev", text, sizeof text) || !pod_parse_dev(text, &major, &minor) || major != USB_MAJOR)
		return false;
	bool superspeed = read_attr(hub, "speed", text, sizeof text) && pod_parse_u64(text) >= 5000;
	uint64_t ports = read_attr(hub, "maxchild", text, sizeof text) ? pod_parse_u64(text) : 0;
	long fd = pod_open_node("hub", SYS_S_IFCHR, major, minor, SYS_O_RDWR);
	if (fd < 0)
		return false;
	bool waits = false;
	for (unsigned port = 1; port <= ports && port <= PORTS_MAX && !waits; port++)
		waits = port_waits((int)fd, hub, port, superspeed);
	pod_sys_close((int)fd);
	return waits;
}

static bool is_interface(const char *name)
{
	while (*name && *name != ':')
		name++;
	return *name == ':';
}

bool pod_usb_pending(void)
{
	static struct names n;
	char text[32];
	n.count = 0;
	n.overflow = false;
	(void)pod_each_name(DEVICES, collect_name, &n);
	if (n.overflow)
		return true;
	for (unsigned i = 0; i < n.count; i++) {
		const char *name = n.name[i];
		if (is_interface(name)) {
			if (read_attr(name, "bInterfaceClass", text, sizeof text) && pod_streq(text, "08") &&
			    !exists(name, "/driver"))
				return true;
			continue;
		}
		if (read_attr(name, "bConfigurationValue", text, sizeof text) && !text[0])
			return true;
		if (read_attr(name, "bDeviceClass", text, sizeof text) && pod_streq(text, "09") && hub_waits(name))
			return true;
	}
	return false;
}
