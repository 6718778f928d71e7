/* SPDX-License-Identifier: MIT */
/*
 * Two exec'd processes talk over anonymous, named and stream rings; talk.c.
 */
#include "talk.h"

int main(int argc, char **argv)
{
	return x_main(argc, argv, talk_cases, talk_roles);
}
