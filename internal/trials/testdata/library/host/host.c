/* Calls the library in the folder above from threads of C's, at once and beside one that
 * sends a signal to all others, Go's too. */

#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

void steServe(void);
void steAttach(void);
void steLeave(void);

static pthread_t threads[6];
static volatile int over;
static volatile sig_atomic_t signals;

static void on_signal(int unused) { signals++; }

static void *serve(void *unused) { steServe(); return 0; }
static void *attach(void *unused) { steAttach(); return 0; }

static void *disturb(void *unused) {
	while (!over) {
		DIR *tasks = opendir("/proc/self/task");
		struct dirent *task;
		while (tasks && (task = readdir(tasks)))
			if (atoi(task->d_name) > 0)
				syscall(SYS_tgkill, getpid(), atoi(task->d_name), SIGUSR1);
		if (tasks)
			closedir(tasks);
		usleep(100);
	}
	return 0;
}

int main(void) {
	struct sigaction act;
	pthread_t disturber;
	int i;
	memset(&act, 0, sizeof act);
	act.sa_handler = on_signal;
	act.sa_flags = SA_ONSTACK; /* without SA_RESTART: calls return EINTR */
	sigaction(SIGUSR1, &act, 0);
	if (pthread_create(&disturber, 0, disturb, 0))
		return 3;
	for (i = 0; i < 6; i++)
		if (pthread_create(&threads[i], 0, i % 2 ? attach : serve, 0))
			return 3;
	for (i = 0; i < 6; i++)
		pthread_join(threads[i], 0);
	steLeave();
	over = 1;
	pthread_join(disturber, 0);
	return signals ? 0 : 4;
}
