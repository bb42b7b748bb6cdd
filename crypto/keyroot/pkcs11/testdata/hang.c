/* A PKCS #11 module for tests: the one that SEALFRONT_TEST_MODULE names, whose C_DecryptInit waits while the file exists
 * that SEALFRONT_TEST_HANG names. */
#define CK_PTR *
#define CK_DECLARE_FUNCTION(returnType, name) returnType name
#define CK_DECLARE_FUNCTION_POINTER(returnType, name) returnType (*name)
#define CK_CALLBACK_FUNCTION(returnType, name) returnType (*name)
#ifndef NULL_PTR
#define NULL_PTR 0
#endif
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>
#include "pkcs11.h"

static CK_FUNCTION_LIST ours;
static CK_C_DecryptInit theirs;

static CK_RV decrypt_init(CK_SESSION_HANDLE s, CK_MECHANISM_PTR m, CK_OBJECT_HANDLE k) {
	while (access(getenv("SEALFRONT_TEST_HANG"), F_OK) == 0) usleep(1000);
	return theirs(s, m, k);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
	CK_FUNCTION_LIST_PTR real;
	void *module = dlopen(getenv("SEALFRONT_TEST_MODULE"), RTLD_NOW);
	if (!module) return CKR_GENERAL_ERROR;
	CK_C_GetFunctionList get = (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList");
	CK_RV rv = get(&real);
	if (rv != CKR_OK) return rv;
	ours = *real;
	theirs = ours.C_DecryptInit;
	ours.C_DecryptInit = decrypt_init;
	*list = &ours;
	return CKR_OK;
}
