# boto3 as a stock client of the key service: what an operator's script does, and what an application does.
import base64, os, boto3, botocore

kms = boto3.client("kms")
made = kms.create_key(Description="of boto3", Tags=[{"TagKey": "a", "TagValue": "b"}])["KeyMetadata"]
key = made["KeyId"]
kms.create_alias(AliasName="alias/boto3", TargetKeyId=key)
assert kms.describe_key(KeyId="alias/boto3")["KeyMetadata"]["Arn"] == made["Arn"]

data = kms.generate_data_key(KeyId="alias/boto3", KeySpec="AES_256", EncryptionContext={"for": "boto3"})
opened = kms.decrypt(CiphertextBlob=data["CiphertextBlob"], EncryptionContext={"for": "boto3"})
assert opened["Plaintext"] == data["Plaintext"] and len(data["Plaintext"]) == 32 and opened["KeyId"] == made["Arn"]
try:
    kms.decrypt(CiphertextBlob=data["CiphertextBlob"])
    raise AssertionError("opened without its context")
except kms.exceptions.InvalidCiphertextException:
    pass

kms.rotate_key_on_demand(KeyId=key)
assert kms.decrypt(CiphertextBlob=data["CiphertextBlob"], EncryptionContext={"for": "boto3"})["Plaintext"] == data["Plaintext"]
assert [r["RotationType"] for r in kms.list_key_rotations(KeyId=key)["Rotations"]] == ["ON_DEMAND"]

grant = kms.create_grant(KeyId=key, GranteePrincipal="arn:aws:iam::123456789012:user/app", Operations=["Decrypt"])
assert [g["GrantId"] for g in kms.list_grants(KeyId=key)["Grants"]] == [grant["GrantId"]]
kms.revoke_grant(KeyId=key, GrantId=grant["GrantId"])

names = [a["AliasName"] for page in kms.get_paginator("list_aliases").paginate(Limit=1) for a in page["Aliases"]]
assert "alias/boto3" in names, names
keys = [k["KeyId"] for page in kms.get_paginator("list_keys").paginate(Limit=1) for k in page["Keys"]]
assert key in keys, keys

kms.disable_key(KeyId=key)
try:
    kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    raise AssertionError("a disabled key makes data keys")
except kms.exceptions.DisabledException:
    pass
assert kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)["KeyState"] == "PendingDeletion"
assert len(kms.generate_random(NumberOfBytes=16)["Plaintext"]) == 16

# A role, by a web identity token and no secret. boto3 finds the token by itself.
for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
    del os.environ[name]
os.environ["AWS_ROLE_ARN"] = "arn:aws:iam::123456789012:role/app"
os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"] = os.environ["TOKEN_FILE"]
session = boto3.session.Session()
who = session.client("sts").get_caller_identity()["Arn"]
assert who.startswith("arn:aws:sts::123456789012:assumed-role/app/"), who
worker = session.client("kms")
assert worker.generate_data_key(KeyId=os.environ["KEY"], KeySpec="AES_256")["Plaintext"]
try:
    worker.create_key()
    raise AssertionError("the role makes keys")
except botocore.exceptions.ClientError as e:
    assert e.response["Error"]["Code"] == "AccessDeniedException", e
print("done")
