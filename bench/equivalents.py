"""Which of Prowler's checks answer the same question as one of ours: a list of facts.

Prowler (5.x, its checks read in the installed package) knows nothing of our 52 controls, so a
control counts as answered by it when one of its checks decided a resource (PASS or FAIL) and stands
here beside a check of ours that bears a verdict in that control. In doubt it counts: where Prowler
asks less (one filter instead of three) or of more resources than ours, its check is listed.

Not listed are Prowler's checks of things that no control asks (network ACL alarms, ACLs of buckets,
SAML providers, hardware keys, ...): they are not wrong, only no answer to these controls.
"""

from collections.abc import Collection, Mapping

from affidavit.model.framework import Framework

EQUIVALENTS: Mapping[str, tuple[str, str]] = {
    # Prowler's check: (our check, why it counts)
    "backup_plans_exist": ("backup-plan-frequency", "a plan exists; says nothing of how often"),
    "backup_recovery_point_encrypted": ("recovery-points-encrypted", "the same"),
    "bedrock_agent_guardrail_enabled": ("agent-guarded", "the same"),
    "bedrock_agent_role_least_privilege": ("no-bedrock-wildcard", "of agents' roles only"),
    "bedrock_api_key_no_administrative_privileges": ("no-broad-managed", "of API keys' users only"),
    "bedrock_api_key_no_long_term_credentials": ("bedrock-key-expires", "the same"),
    "bedrock_custom_model_encrypted_with_cmk": ("custom-model-kms", "the same"),
    "bedrock_full_access_policy_attached": ("no-broad-managed", "the same, of one policy"),
    "bedrock_guardrail_contextual_grounding_filter_enabled": ("guardrail-grounding", "the same"),
    "bedrock_guardrail_prompt_attack_filter_enabled": ("guardrail-prompt-attack", "the same"),
    "bedrock_guardrail_sensitive_information_filter_enabled": (
        "guardrail-pii",
        "any filter; ours asks for each required type",
    ),
    "bedrock_guardrail_sensitive_information_filter_enforced": ("guardrail-pii", "on the output"),
    "bedrock_guardrails_configured": ("guardrail-exists", "the same"),
    "bedrock_knowledge_base_encrypted_with_cmk": ("data-source-kms", "the same"),
    "bedrock_model_invocation_logging_enabled": ("logging-on", "the same"),
    "bedrock_model_invocation_logging_text_data_enabled": ("logging-on", "the same"),
    "bedrock_model_invocation_logs_encryption_enabled": ("log-group-encrypted", "the same"),
    "bedrock_vpc_endpoints_configured": ("private-endpoints", "the same"),
    "cloudtrail_bedrock_logging_enabled": ("trail-bedrock-data-events", "the same"),
    "cloudtrail_cloudwatch_logging_enabled": ("trail-to-logs", "the same"),
    "cloudtrail_kms_encryption_enabled": ("trail-encrypted", "the same"),
    "cloudtrail_log_file_validation_enabled": ("trail-validated", "the same"),
    "cloudtrail_logs_s3_bucket_access_logging_enabled": ("bucket-access-logged", "one bucket"),
    "cloudtrail_multi_region_enabled": ("trail-multi-region", "the same"),
    "cloudtrail_multi_region_enabled_logging_management_events": ("trail-multi-region", "the same"),
    "cloudwatch_alarm_actions_alarm_state_configured": ("alarm-has-action", "the same"),
    "cloudwatch_alarm_actions_enabled": ("alarm-actions-enabled", "the same"),
    "cloudwatch_log_group_kms_encryption_enabled": ("log-group-encrypted", "of every group"),
    "cloudwatch_log_group_retention_policy_specific_days_enabled": (
        "log-group-retention",
        "of every group; the minimum only",
    ),
    "config_recorder_all_regions_enabled": ("config-recording", "the same"),
    "iam_aws_attached_policy_no_administrative_privileges": ("no-admin-statement", "the same"),
    "iam_customer_attached_policy_no_administrative_privileges": ("no-admin-statement", "the same"),
    "iam_inline_policy_no_administrative_privileges": ("no-admin-statement", "the same"),
    "iam_no_root_access_key": ("root-no-keys", "the same"),
    "iam_password_policy_expires_passwords_within_90_days_or_less": ("password-policy", "a part"),
    "iam_password_policy_lowercase": ("password-policy", "a part"),
    "iam_password_policy_minimum_length_14": ("password-policy", "a part"),
    "iam_password_policy_number": ("password-policy", "a part"),
    "iam_password_policy_reuse_24": ("password-policy", "a part"),
    "iam_password_policy_symbol": ("password-policy", "a part"),
    "iam_password_policy_uppercase": ("password-policy", "a part"),
    "iam_role_access_not_stale_to_bedrock": ("bedrock-role-used", "the same"),
    "iam_role_administratoraccess_policy": ("no-broad-managed", "of one policy"),
    "iam_root_mfa_enabled": ("root-mfa", "the same"),
    "iam_rotate_access_key_90_days": ("keys-rotated", "the same"),
    "iam_user_accesskey_unused": ("credentials-used", "the same, of keys"),
    "iam_user_administrator_access_policy": ("no-admin-statement", "of users only"),
    "iam_user_console_access_unused": ("credentials-used", "the same, of passwords"),
    "iam_user_hardware_mfa_enabled": ("user-mfa", "asks for more: a hardware device"),
    "iam_user_mfa_enabled_console_access": ("console-mfa", "the same"),
    "kms_cmk_not_deleted_unintentionally": ("key-live", "the same"),
    "kms_cmk_rotation_enabled": ("key-rotates", "the same"),
    "s3_account_level_public_access_blocks": ("account-public-block", "the same"),
    "s3_bucket_default_encryption": ("bucket-sse", "the same"),
    "s3_bucket_kms_encryption": ("bucket-kms", "the same"),
    "s3_bucket_level_public_access_block": ("bucket-public-block", "the same"),
    "s3_bucket_lifecycle_enabled": ("bucket-lifecycle", "the same"),
    "s3_bucket_object_versioning": ("bucket-versioned", "the same"),
    "s3_bucket_policy_public_write_access": ("bucket-policy-closed", "of writing only"),
    "s3_bucket_public_access": ("bucket-policy-closed", "the same, with ACLs"),
    "s3_bucket_secure_transport_policy": ("bucket-tls", "the same"),
    "s3_bucket_server_access_logging_enabled": ("bucket-access-logged", "the same"),
}


def controls_answered(framework: Framework, decided: Collection[str]) -> set[str]:
    """Return the ids of the controls that Prowler answers with the checks that `decided`."""
    ours = {EQUIVALENTS[check][0] for check in decided if check in EQUIVALENTS}
    return {
        control.id
        for control in framework.controls()
        if any(source.check in ours for source in control.sources if source.check)
    }
