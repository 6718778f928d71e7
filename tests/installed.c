/* SPDX-License-Identifier: MIT */
/*
 * What installed.sh compiles, as C and as C++, against an installed libweir: a
 * message through the inlines of the headers and one through the library.
 */
#include <stdio.h>
#include <string.h>

#include <weir.h>

int main(void)
{
	struct weir_ring *ring = NULL;
	struct weir_tx *tx = NULL;
	struct weir_rx *rx = NULL;
	char text[16] = "";

	if (weir_ring_create(&ring, NULL) < 0 || weir_ring_tx(ring, &tx) < 0 ||
	    weir_ring_rx(ring, &rx) < 0)
		return 1;
	if (weir_tx_try_write(tx, "one", 4) < 0 ||
	    weir_rx_try_read(rx, text, sizeof(text)) != 4 ||
	    strcmp(text, "one"))
		return 2;
	if (weir_tx_write(tx, "two", 4, WEIR_FOREVER) < 0 ||
	    weir_rx_read(rx, text, sizeof(text), weir_after(1000000000)) != 4 ||
	    strcmp(text, "two"))
		return 3;
	weir_ring_close(ring);
	printf("weir %s, %s\n", weir_version(), weir_backend());
	return 0;
}
