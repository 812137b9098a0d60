# SPDX-License-Identifier: Apache-2.0

.PHONY: install
install: all ## install binaries and man pages (DESTDIR, PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/share/man/man1 \
		$(DESTDIR)$(PREFIX)/share/man/man8
	install -m 755 $(BUILD)/weir $(DESTDIR)$(PREFIX)/bin/weir
	install -m 755 $(BUILD)/weir-agent $(DESTDIR)$(PREFIX)/sbin/weir-agent
	install -m 644 docs/man/weir.1 $(DESTDIR)$(PREFIX)/share/man/man1/weir.1
	install -m 644 docs/man/weir-agent.8 $(DESTDIR)$(PREFIX)/share/man/man8/weir-agent.8
