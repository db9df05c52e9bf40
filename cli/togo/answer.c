/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * \Windows\Panther\unattend.xml, which Windows reads at its first start (Microsoft, "Windows Setup Automation Overview"). Passes:
 * specialize (name, time zone, registry), oobeSystem (languages, account, what is asked). Nobody is given a password: who can start
 * the disk can read the file.
 */
#include <stdlib.h>
#include <string.h>
#include "cli/togo/togo.h"
#include "core/base/str.h"

#define COMPUTER_MAX 15u
#define USER_MAX     20u

struct text {
	char *s;
	size_t len;
};

static void add(struct text *t, const char *s)
{
	size_t n = strlen(s);

	t->s = cli_xrealloc(t->s, t->len + n + 1, 1);
	memcpy(t->s + t->len, s, n + 1);
	t->len += n;
}

static void add_escaped(struct text *t, const char *s)
{
	for (; *s; s++) {
		char one[2] = {*s, '\0'};

		add(t, *s == '&'    ? "&amp;"
		       : *s == '<'  ? "&lt;"
		       : *s == '>'  ? "&gt;"
		       : *s == '"'  ? "&quot;"
		       : *s == '\'' ? "&apos;"
				    : one);
	}
}

static void element(struct text *t, const char *name, const char *value)
{
	add(t, "<");
	add(t, name);
	add(t, ">");
	add_escaped(t, value);
	add(t, "</");
	add(t, name);
	add(t, ">\r\n");
}

static void begin(struct text *t, const char *component, uint32_t arch)
{
	add(t, "<component name=\"");
	add(t, component);
	add(t, "\" processorArchitecture=\"");
	add(t, arch == TOGO_X86 ? "x86" : arch == TOGO_ARM64 ? "arm64" : "amd64");
	add(t, "\" publicKeyToken=\"31bf3856ad364e35\" language=\"neutral\" versionScope=\"nonSxS\">\r\n");
}

static void end(struct text *t)
{
	add(t, "</component>\r\n");
}

static void specialize(struct text *t, const struct togo_answer *a, uint32_t arch)
{
	if (!a->computer && !a->timezone && !a->no_account_nag)
		return;
	add(t, "<settings pass=\"specialize\">\r\n");
	if (a->computer || a->timezone) {
		begin(t, "Microsoft-Windows-Shell-Setup", arch);
		if (a->computer)
			element(t, "ComputerName", a->computer);
		if (a->timezone)
			element(t, "TimeZone", a->timezone);
		end(t);
	}
	if (a->no_account_nag) {
		begin(t, "Microsoft-Windows-Deployment", arch);
		add(t, "<RunSynchronous>\r\n<RunSynchronousCommand "
		       "xmlns:wcm=\"http://schemas.microsoft.com/WMIConfig/2002/State\" wcm:action=\"add\">\r\n");
		element(t, "Order", "1");
		element(t, "Path",
			"reg add HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\OOBE /v BypassNRO /t REG_DWORD /d 1 /f");
		add(t, "</RunSynchronousCommand>\r\n</RunSynchronous>\r\n");
		end(t);
	}
	add(t, "</settings>\r\n");
}

static void first_logon(struct text *t, const struct togo_answer *a, uint32_t arch)
{
	if (!a->locale && !a->user && !a->no_account_nag)
		return;
	add(t, "<settings pass=\"oobeSystem\">\r\n");
	if (a->locale) {
		begin(t, "Microsoft-Windows-International-Core", arch);
		element(t, "InputLocale", a->locale);
		element(t, "SystemLocale", a->locale);
		element(t, "UILanguage", a->locale);
		element(t, "UserLocale", a->locale);
		end(t);
	}
	if (a->user || a->no_account_nag) {
		begin(t, "Microsoft-Windows-Shell-Setup", arch);
		if (a->no_account_nag)
			add(t, "<OOBE>\r\n<HideEULAPage>true</HideEULAPage>\r\n"
			       "<HideOnlineAccountScreens>true</HideOnlineAccountScreens>\r\n"
			       "<HideWirelessSetupInOOBE>true</HideWirelessSetupInOOBE>\r\n"
			       "<ProtectYourPC>3</ProtectYourPC>\r\n</OOBE>\r\n");
		if (a->user) {
			add(t, "<UserAccounts>\r\n<LocalAccounts>\r\n<LocalAccount "
			       "xmlns:wcm=\"http://schemas.microsoft.com/WMIConfig/2002/State\" wcm:action=\"add\">\r\n");
			element(t, "Name", a->user);
			element(t, "Group", "Administrators");
			add(t, "<Password>\r\n<Value></Value>\r\n<PlainText>true</PlainText>\r\n</Password>\r\n");
			add(t, "</LocalAccount>\r\n</LocalAccounts>\r\n</UserAccounts>\r\n");
		}
		end(t);
	}
	add(t, "</settings>\r\n");
}

char *togo_answer_text(const struct togo_answer *a, uint32_t arch)
{
	struct text t = {0};

	if (!a->computer && !a->user && !a->locale && !a->timezone && !a->no_account_nag)
		return NULL;
	add(&t, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<unattend xmlns=\"urn:schemas-microsoft-com:unattend\">\r\n");
	specialize(&t, a, arch);
	first_logon(&t, a, arch);
	add(&t, "</unattend>\r\n");
	return t.s;
}

/* UTF-8 without control characters; in UTF-16 units, as Windows counts, at most `max`. */
static bool is_text(const char *s, size_t max, const char *without)
{
	uint16_t units[256];
	size_t n;

	if (!*s || strpbrk(s, without) || pod_utf8_to_utf16(s, units, max, &n) != POD_OK)
		return false;
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return true;
}

static bool is_locale(const char *s)
{
	return is_text(s, 20, " \"/\\<>&;") &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == strlen(s);
}

bool togo_answer_check(const struct togo_answer *a, const struct cli_command *cmd, struct fault *fault)
{
	/* Characters that Windows takes neither for machines nor for accounts. */
	if (a->computer && !is_text(a->computer, COMPUTER_MAX, " \"/\\[]:;|=,+*?<>.@'&{}()~!#$%^_`"))
		cli_usage(fault, cmd, _("'%s' is no name of a computer: 1 to 15 letters, digits and hyphens"), a->computer);
	else if (a->user && (!is_text(a->user, USER_MAX, "\"/\\[]:;|=,+*?<>@%") || strspn(a->user, ". ") == strlen(a->user)))
		cli_usage(fault, cmd, _("'%s' is no name of a user: at most 20 characters, none of \"/\\[]:;|=,+*?<>@%%"),
			  a->user);
	else if (a->locale && !is_locale(a->locale))
		cli_usage(fault, cmd, _("'%s' is no locale; write it as en-US or zh-CN"), a->locale);
	else if (a->timezone && !is_text(a->timezone, 128, "\"\\<>"))
		cli_usage(fault, cmd, _("'%s' is no time zone; write Windows' own name, as \"China Standard Time\""),
			  a->timezone);
	return !fault_is_set(fault);
}
