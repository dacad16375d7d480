/* Calls the library in the folder above from C's main thread. */

void steRun(void);
void steAttach(void);

int main(void) {
	steRun();
	steAttach();
	return 0;
}
