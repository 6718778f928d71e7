/* SPDX-License-Identifier: MIT */
static void settle(void)
{
	usleep(1000);
}
