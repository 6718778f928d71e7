/* SPDX-License-Identifier: MIT */
/*
 * main() and the helpers of the tests written with check; see t.h. The one
 * file of the tests that may ask which operating system it is on.
 *
 * check 0.15 cannot skip a test and its TAP lacks the reasons, so this prints
 * TAP itself: a test tells its reason through a page that it shares with the
 * process that forked it.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "t.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#ifdef __linux__
#include <sched.h>
#include <sys/mount.h>
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#endif

#define TESTS_MAX 200
#define REASON_MAX 120
/* Arbitrary: a hundred times what the slowest test needs on an idle machine. */
#define TIMEOUT_SECONDS 30

struct told {
	char reason[TESTS_MAX][REASON_MAX];
};

static struct told *told;
static const char *names[TESTS_MAX];
static unsigned int flags_of[TESTS_MAX];
static unsigned int count, begun;
static Suite *suite;
static char **wanted;
static const char *skip_all;
static pid_t program;
static struct t_world before;

/* ---- the program -------------------------------------------------------- */

static int is_wanted(const char *name)
{
	char **p;

	if (!wanted[0])
		return 1;
	for (p = wanted; *p; p++)
		if (!strcmp(*p, name))
			return 1;
	return 0;
}

static void *attach_one(void *arg)
{
	struct weir_stream *stream = NULL;

	if (!weir_stream_attach(&stream, *(int *)arg, NULL, T_SOON))
		weir_stream_close(stream);
	return NULL;
}

/* Uses what the library makes at the first use and keeps. */
static void warm_up(void)
{
	struct weir_ring_options options = { sizeof(options), 4096, NULL, 0,
					     -1 };
	struct weir_ring *ring;
	struct weir_rx *rx;
	pthread_t thread;
	int pair[2];

	if (!weir_ring_create(&ring, &options)) {
		if (!weir_ring_rx(ring, &rx))
			weir_rx_wait(rx, weir_after(T_MS));
		weir_ring_close(ring);
	}
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return;
	thread = t_thread(attach_one, &pair[0]);
	attach_one(&pair[1]);
	t_join(thread);
	close(pair[0]);
	close(pair[1]);
}

/* In the process that forks the tests, once before each of them. */
static void next_test(void)
{
	begun++;
}

static void set_up(void)
{
	if (!(flags_of[begun - 1] & T_COLD))
		warm_up();
	t_world_look(&before);
}

static void tear_down(void)
{
	if (!(flags_of[begun - 1] & T_COLD))
		t_world_same(&before, "the test has left something");
}

void t_add(const TTest *test, unsigned int flags)
{
	TCase *tcase;

	if (!is_wanted(test->name))
		return;
	if (count == TESTS_MAX)
		abort();
	names[count] = test->name;
	flags_of[count++] = flags;
	/* A case each: a limit of time and a name to find the result by. */
	tcase = tcase_create(test->name);
	tcase_set_timeout(tcase, TIMEOUT_SECONDS);
	tcase_add_unchecked_fixture(tcase, next_test, NULL);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test);
	suite_add_tcase(suite, tcase);
}

void t_skip_all(const char *reason)
{
	skip_all = reason;
}

void t_skip(const char *reason)
{
	snprintf(told->reason[begun - 1], REASON_MAX, "%s", reason);
}

/* Every line of a TAP comment begins with its sign. */
static void print_why(TestResult *result)
{
	const char *p;

	printf("# %s:%d: ", tr_lfile(result) ? tr_lfile(result) : "?",
	       tr_lno(result));
	for (p = tr_msg(result); p && *p; p++) {
		putchar(*p);
		if (*p == '\n')
			fputs("# ", stdout);
	}
	putchar('\n');
}

static void print_test(unsigned int i, TestResult **results, int n)
{
	int found = 0, failed = 0, j;

	for (j = 0; j < n; j++) {
		if (strcmp(tr_tcname(results[j]), names[i]))
			continue;
		found = 1;
		if (tr_rtype(results[j]) != CK_PASS) {
			failed = 1;
			print_why(results[j]);
		}
	}
	printf("%s %u - %s", found && !failed ? "ok" : "not ok", i + 1,
	       names[i]);
	if (!failed && told->reason[i][0])
		printf(" # SKIP %s", told->reason[i]);
	putchar('\n');
}

static unsigned int own_names(int remove);

static void run(void)
{
	SRunner *runner = srunner_create(suite);
	TestResult **results;
	unsigned int i;

	srunner_run_all(runner, CK_SILENT);
	results = srunner_results(runner);
	for (i = 0; i < count; i++)
		print_test(i, results, srunner_ntests_run(runner));
	free(results);
	srunner_free(runner);
	own_names(1);
}

/* Asked in a process of its own: this one has not touched the library. */
static int wait_is_refused(void)
{
	struct weir_ring_options o = { .size = sizeof(o), .capacity = 4096,
				       .flags = WEIR_RING_PRIVATE };
	const char *wait = getenv("WEIR_WAIT");
	struct weir_ring *ring;
	int status = 0;
	pid_t pid;

	if (!wait || !*wait)
		return 0;
	pid = fork();
	if (!pid)
		_exit(weir_ring_create(&ring, &o) == -ENOSYS);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

int main(int argc, char **argv)
{
	static char reason[64];

	(void)argc;
	wanted = argv + 1;
	program = getpid();
	/* What a test has printed is there although it is killed later. */
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (told == MAP_FAILED)
		return 99;
	suite = suite_create("weir");
	t_build();
	if (wait_is_refused()) {
		snprintf(reason, sizeof(reason),
			 "WEIR_WAIT=%s is not to be had", getenv("WEIR_WAIT"));
		skip_all = reason;
	}
	if (skip_all) {
		printf("1..0 # SKIP %s\n", skip_all);
		return 0;
	}
	printf("1..%u\n", count);
	run();
	return 0;
}

/* ---- checks ------------------------------------------------------------- */

const char *t_text(long long value)
{
	return value < 0 && value > -4096 ? weir_strerror((int)value) :
					    "a value";
}

/* ---- the world ---------------------------------------------------------- */

#ifdef __linux__
/* A thread keeps some io_urings until it ends: those of handles that are closed
   (x_handle counts them) and, with WEIR_WAIT=uring, that of its sleeps: each a
   descriptor and two mappings that no object of the library owns. */
static int is_threads_own(const char *text)
{
	return strstr(text, "[io_uring]") != NULL;
}

static unsigned int entries(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	unsigned int n = 0;
	char target[256];
	ssize_t len;

	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		len = readlinkat(dirfd(dir), entry->d_name, target,
				 sizeof(target) - 1);
		target[len > 0 ? len : 0] = 0;
		n += !is_threads_own(target);
	}
	closedir(dir);
	return n;
}

static unsigned int mappings(int all)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[1024], flags[8];
	unsigned int n = 0;

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %7s", flags) == 1 &&
		    !is_threads_own(line) && (all || flags[3] == 's'))
			n++;
	fclose(file);
	return n;
}

const char *t_ring_directory(unsigned int uid)
{
	static char path[64];

	snprintf(path, sizeof(path), "/dev/shm/weir-%u", uid);
	return path;
}
#else
static unsigned int entries(const char *path)
{
	(void)path;
	return 0;
}

static unsigned int mappings(int all)
{
	(void)all;
	return 0;
}

const char *t_ring_directory(unsigned int uid)
{
	(void)uid;
	return NULL;
}
#endif

unsigned int t_mappings(void)
{
	return mappings(1);
}

/* The names that this program made and that are still there. */
static unsigned int own_names(int remove)
{
	const char *directory = t_ring_directory(geteuid());
	struct dirent *entry;
	unsigned int n = 0;
	char prefix[32];
	DIR *dir;

	dir = directory ? opendir(directory) : NULL;
	if (!dir)
		return 0;
	snprintf(prefix, sizeof(prefix), "t.%ld.", (long)program);
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)))
			continue;
		n++;
		if (remove)
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	closedir(dir);
	return n;
}

void t_world_look(struct t_world *world)
{
	world->descriptors = entries("/proc/self/fd");
	world->mappings = mappings(0);
	world->threads = entries("/proc/self/task");
	world->names = own_names(0);
}

/* A thread that was joined may still be listed, now or when old was looked at
   (emulated CPUs take long): fewer threads are no difference. */
static int differs(const struct t_world *world, const struct t_world *old)
{
	return world->descriptors != old->descriptors ||
	       world->mappings != old->mappings ||
	       world->threads > old->threads || world->names != old->names;
}

void t_world_same(const struct t_world *old, const char *when)
{
	int64_t until = T_SOON;
	struct t_world world;

	for (t_world_look(&world);
	     differs(&world, old) && weir_now() < until;
	     t_world_look(&world))
		poll(NULL, 0, 1);
	if (differs(&world, old))
		ck_abort_msg("%s: descriptors %u, were %u; shared mappings %u, "
			     "were %u; threads %u, were %u; names %u, were %u",
			     when, world.descriptors, old->descriptors,
			     world.mappings, old->mappings, world.threads,
			     old->threads, world.names, old->names);
}

/* What cannot be taken back may be done only where each test has a process. */
int t_forked(void)
{
	const char *mode = getenv("CK_FORK");

	return !mode || strcmp(mode, "no");
}

/* ---- what an operating system gives ------------------------------------- */

const char *t_ring_name(const char *suffix)
{
	static char name[65];

	snprintf(name, sizeof(name), "t.%ld.%s", (long)program, suffix);
	return name;
}

const char *t_ring_path(const char *name)
{
	const char *directory = t_ring_directory(geteuid());
	static char path[160];

	if (!directory)
		return NULL;
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

#ifdef __linux__
static int fill_memory(int fd, const void *image, size_t size)
{
	if (!image)
		return ftruncate(fd, (off_t)size);
	return write(fd, image, size) == (ssize_t)size ? 0 : -1;
}

int t_seal(int memory, unsigned int seals)
{
	static const int kernel[] = { F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SEAL,
				      F_SEAL_FUTURE_WRITE };
	int set = 0;
	size_t i;

	for (i = 0; i < T_COUNT(kernel); i++)
		if (seals & 1u << i)
			set |= kernel[i];
	return set && fcntl(memory, F_ADD_SEALS, set) ? -errno : 0;
}

int t_memory(const void *image, size_t size, unsigned int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (fill_memory(fd, image, size) || t_seal(fd, seals)) {
		close(fd);
		return -ENOSYS;
	}
	return fd;
}

uint64_t t_memory_free(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib << 10;
}

int t_named_limit(size_t bytes)
{
	char size[32];

	snprintf(size, sizeof(size), "size=%zu", bytes);
	if (!t_forked())
		return -ENOSYS;
	if (unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, size))
		return -errno;
	return 0;
}

/* The first or the second number of /proc/self/statm, in bytes. */
static uint64_t statm(int second)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages[2] = { 0, 0 };

	if (!file)
		return 0;
	if (fscanf(file, "%lu %lu", &pages[0], &pages[1]) != 2)
		pages[0] = pages[1] = 0;
	fclose(file);
	return (uint64_t)pages[second] * (uint64_t)sysconf(_SC_PAGESIZE);
}

unsigned int t_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	return (unsigned int)CPU_COUNT(&set);
}
#else
int t_seal(int memory, unsigned int seals)
{
	(void)memory;
	(void)seals;
	return -ENOSYS;
}

int t_memory(const void *image, size_t size, unsigned int seals)
{
	(void)image;
	(void)size;
	(void)seals;
	return -ENOSYS;
}

uint64_t t_memory_free(void)
{
	return 0;
}

int t_named_limit(size_t bytes)
{
	(void)bytes;
	return -ENOSYS;
}

static uint64_t statm(int second)
{
	(void)second;
	return 0;
}

unsigned int t_cpus(void)
{
	return (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
}
#endif

uint64_t t_resident(void)
{
	/* qemu-user tells its own size, not its guest's. */
	return getenv("WEIR_EMULATOR") ? 0 : statm(1);
}

int t_address_space_limit(size_t more)
{
	struct rlimit limit;
	uint64_t now = statm(0);
	void *at;

	/* A sanitizer's shadow is far beyond any limit that would do. */
	if (!now || !t_forked() || t_sanitized() ||
	    getrlimit(RLIMIT_AS, &limit))
		return -ENOSYS;
	limit.rlim_cur = (rlim_t)(now + more);
	if (setrlimit(RLIMIT_AS, &limit))
		return -ENOSYS;
	/* An emulator may take the limit for its guest and not hold it. */
	at = mmap(NULL, 2 * more, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		  0);
	if (at == MAP_FAILED)
		return 0;
	munmap(at, 2 * more);
	return -ENOSYS;
}

static struct rlimit descriptors;

void t_descriptors_end(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct rlimit limit;

	if (fd < 0 || getrlimit(RLIMIT_NOFILE, &descriptors))
		ck_abort_msg("no descriptor to begin with");
	close(fd);
	/* All numbers below the lowest free one are taken. */
	limit = descriptors;
	limit.rlim_cur = (rlim_t)fd;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		ck_abort_msg("setrlimit: %s", strerror(errno));
}

void t_descriptors_back(void)
{
	setrlimit(RLIMIT_NOFILE, &descriptors);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

int t_sanitized(void)
{
#ifdef SANITIZED
	return 1;
#else
	return 0;
#endif
}

/* ---- helpers ------------------------------------------------------------ */

void t_random_seed(struct t_random *random)
{
	const char *text = getenv("WEIR_TEST_SEED");
	unsigned long long seed;

	seed = text ? strtoull(text, NULL, 0) :
		      (unsigned long long)weir_now() ^
		      (unsigned long long)getpid() << 40;
	printf("# %s: WEIR_TEST_SEED=%llu\n", names[begun - 1], seed);
	random->state = seed ? seed : 1;
}

/* xorshift64*: small, the same everywhere, good enough to choose cases. */
uint64_t t_random(struct t_random *random)
{
	uint64_t x = random->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	random->state = x;
	return x * 0x2545f4914f6cdd1dull;
}

uint64_t t_random_below(struct t_random *random, uint64_t n)
{
	return (t_random(random) >> 16) % n;
}

int64_t t_until(double seconds)
{
	const char *text = getenv("WEIR_TEST_SECONDS");

	if (text)
		seconds = strtod(text, NULL);
	return weir_after((int64_t)(seconds * (double)T_SECOND));
}

void t_barrier_open(struct t_barrier *barrier, unsigned int n)
{
	pthread_mutex_init(&barrier->lock, NULL);
	pthread_cond_init(&barrier->all, NULL);
	barrier->n = n;
	barrier->here = 0;
	barrier->round = 0;
}

void t_barrier_wait(struct t_barrier *barrier)
{
	unsigned int round;

	pthread_mutex_lock(&barrier->lock);
	round = barrier->round;
	if (++barrier->here == barrier->n) {
		barrier->here = 0;
		barrier->round++;
		pthread_cond_broadcast(&barrier->all);
	}
	while (round == barrier->round)
		pthread_cond_wait(&barrier->all, &barrier->lock);
	pthread_mutex_unlock(&barrier->lock);
}

pthread_t t_thread(void *(*start)(void *arg), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, start, arg))
		ck_abort_msg("pthread_create");
	return thread;
}

void t_join(pthread_t thread)
{
	pthread_join(thread, NULL);
}

static uint64_t pattern(uint64_t seq, size_t word)
{
	return (seq + 1) * 0x9e3779b97f4a7c15ull ^ word * 0xd1342543de82ef95ull;
}

void t_fill(void *data, size_t len, uint64_t seq)
{
	unsigned char *p = data;
	uint64_t word;
	size_t i, n;

	for (i = 0; i < len; i += n) {
		n = len - i < sizeof(word) ? len - i : sizeof(word);
		word = pattern(seq, i / sizeof(word));
		memcpy(p + i, &word, n);
	}
}

int t_filled(const void *data, size_t len, uint64_t seq)
{
	const unsigned char *p = data;
	uint64_t word;
	size_t i, n;

	for (i = 0; i < len; i += n) {
		n = len - i < sizeof(word) ? len - i : sizeof(word);
		word = pattern(seq, i / sizeof(word));
		if (memcmp(p + i, &word, n))
			return 0;
	}
	return 1;
}

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_text[512];

static void log_take(void *ctx, int level, const char *text)
{
	(void)ctx;
	if (level != WEIR_LOG_ERROR)
		return;
	pthread_mutex_lock(&log_lock);
	snprintf(log_text, sizeof(log_text), "%s", text);
	pthread_mutex_unlock(&log_lock);
}

void t_log_watch(void)
{
	pthread_mutex_lock(&log_lock);
	log_text[0] = '\0';
	pthread_mutex_unlock(&log_lock);
	weir_log_set(log_take, NULL);
}

const char *t_log_text(void)
{
	static char copy[sizeof(log_text)];

	pthread_mutex_lock(&log_lock);
	memcpy(copy, log_text, sizeof(copy));
	pthread_mutex_unlock(&log_lock);
	return copy;
}

void t_block_map(struct t_block *block, weir_handle memory)
{
	struct stat st;

	T_OK(fstat(memory, &st));
	block->size = (size_t)st.st_size;
	block->base = mmap(NULL, block->size, PROT_READ | PROT_WRITE,
			   MAP_SHARED, memory, 0);
	T_ASSERT(block->base != MAP_FAILED);
	block->header = (struct weir_header *)(void *)block->base;
	block->producer = (struct weir_half *)(void *)
			  (block->base + block->header->producer);
	block->consumer = (struct weir_half *)(void *)
			  (block->base + block->header->consumer);
	block->data = block->base + block->header->data;
	/* read once: a test may write lies into the header */
	block->capacity = block->header->capacity;
}

void t_block_unmap(struct t_block *block)
{
	munmap(block->base, block->size);
}

struct weir_a64 *t_block_header(const struct t_block *block, uint64_t pos)
{
	return (struct weir_a64 *)(void *)
	       (block->data + (pos & (block->capacity - 1)));
}

struct weir_ring *t_ring(enum t_kind kind, uint64_t capacity, uint32_t flags,
			 int32_t spin_us)
{
	static unsigned int number;
	struct weir_ring_options options = { sizeof(options), capacity, NULL,
					     flags, spin_us };
	struct weir_ring *ring = NULL;
	char suffix[16];

	if (kind == T_PRIVATE)
		options.flags |= WEIR_RING_PRIVATE;
	snprintf(suffix, sizeof(suffix), "ring%u", number++);
	if (kind == T_NAMED)
		options.name = t_ring_name(suffix);
	T_OK(weir_ring_create(&ring, &options));
	return ring;
}

void t_pair_open(struct t_pair *pair, enum t_kind kind, uint64_t capacity,
		 int32_t spin_us)
{
	struct weir_ring_info info;

	pair->ring = t_ring(kind, capacity, 0, spin_us);
	pair->other = pair->ring;
	T_OK(weir_ring_info(pair->ring, &info));
	if (kind == T_ANONYMOUS)
		T_OK(weir_ring_attach(&pair->other,
				      weir_ring_handle(pair->ring)));
	if (kind == T_NAMED) {
		T_OK(weir_ring_open(&pair->other, info.name));
		T_OK(weir_ring_unlink(info.name));
	}
	T_OK(weir_ring_tx(pair->ring, &pair->tx));
	T_OK(weir_ring_rx(pair->other, &pair->rx));
}

void t_pair_close(struct t_pair *pair)
{
	weir_ring_close(pair->ring);
	if (pair->other != pair->ring)
		weir_ring_close(pair->other);
}

uint64_t t_model_begin(const struct t_model *model, uint64_t pos, uint64_t len)
{
	uint64_t size = 8 + (len + 7) / 8 * 8;
	uint64_t rest = model->capacity - pos % model->capacity;

	return size > rest ? pos + rest : pos;
}

uint64_t t_model_end(const struct t_model *model, uint64_t pos, uint64_t len)
{
	return t_model_begin(model, pos, len) + 8 + (len + 7) / 8 * 8;
}

/* The header behind the record must be free too: a capacity less 8 is full. */
int t_model_fits(const struct t_model *model, uint64_t pos, uint64_t len)
{
	return t_model_end(model, pos, len) - model->read <=
	       model->capacity - 8;
}
