# SPDX-License-Identifier: BSD-2-Clause
# Faults made on purpose, and what is said of them: tests/faults/case.py. check-faults prints the table of all; the quick ones are a suite
# of `make check`.
.PHONY: check-faults check-faults-quick faults-bin
faults-bin: all $(CLI_MO)
check-faults check-faults-quick: faults-bin
	@B=$(abspath $(B)) tests/faults/suite.sh $(if $(filter %-quick,$@),--quick)
