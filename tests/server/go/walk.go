// Walk goes through Audit Manager's operations with the AWS SDK for Go, as a customer's program
// would: only the endpoint is another one. It prints a JSON line for each answer, and ends at the
// first that is not as it must be. Keys, Region and endpoint come from the environment.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	am "github.com/aws/aws-sdk-go-v2/service/auditmanager"
	"github.com/aws/aws-sdk-go-v2/service/auditmanager/types"
)

const (
	patience    = 60 * time.Second
	controlName = "Users are known, Prüfung 監査"
)

var ctx = context.Background()

// client returns a client that signs as one of the roles.
func client(role string) *am.Client {
	id, secret := os.Getenv("WALK_"+role+"_ID"), os.Getenv("WALK_"+role+"_SECRET")
	return am.New(am.Options{
		Region:           os.Getenv("WALK_REGION"),
		Credentials:      credentials.NewStaticCredentialsProvider(id, secret, ""),
		EndpointResolver: am.EndpointResolverFromURL(os.Getenv("WALK_ENDPOINT")),
		Retryer:          aws.NopRetryer{},
	})
}

func fail(what string, err interface{}) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
	os.Exit(1)
}

// got prints an operation's answer and returns it, or ends the walk.
func got[Answer any](answer Answer, err error) Answer {
	operation := fmt.Sprintf("%T", answer)
	if err != nil {
		fail(operation, err)
	}
	line, err := json.Marshal(map[string]interface{}{"answer": operation, "value": answer})
	if err != nil {
		fail(operation, err)
	}
	fmt.Println(string(line))
	return answer
}

// refused ends the walk unless an operation failed with this type of error, which it returns.
func refused[Failure error](err error) Failure {
	var wanted Failure
	if !errors.As(err, &wanted) {
		fail("refused", fmt.Sprintf("%v instead of %T", err, wanted))
	}
	return wanted
}

// must ends the walk where something does not hold.
func must(holds bool, what string) {
	if !holds {
		fail("walk", what)
	}
}

// eventually waits until something holds.
func eventually(what string, holds func() bool) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if holds() {
			return
		}
	}
	fail("walk", what)
}

func main() {
	admin, owner := client("ADMIN"), client("OWNER")
	enter(admin, owner)
	control, framework := library(owner)
	assessment := assess(owner, framework)
	place := review(owner, assessment, *control.Id)
	evidence(owner, place)
	reports(owner, place)
	leave(owner, control, framework, place)
}

// enter registers the account and looks at its settings.
func enter(admin, owner *am.Client) {
	all := &am.GetSettingsInput{Attribute: types.SettingAttributeAll}
	_, err := owner.GetSettings(ctx, all)
	refused[*types.AccessDeniedException](err)
	registered := got(admin.RegisterAccount(ctx, &am.RegisterAccountInput{}))
	must(registered.Status == types.AccountStatusActive, "the account is not active")
	got(owner.GetAccountStatus(ctx, &am.GetAccountStatusInput{}))
	role := "arn:aws:iam::" + os.Getenv("WALK_ACCOUNT") + ":role/owner"
	got(admin.UpdateSettings(ctx, &am.UpdateSettingsInput{
		DefaultProcessOwners: []types.Role{{RoleArn: &role, RoleType: types.RoleTypeProcessOwner}},
	}))
	settings := got(admin.GetSettings(ctx, all)).Settings
	must(len(settings.DefaultProcessOwners) == 1, "the settings are not kept")
	got(admin.GetOrganizationAdminAccount(ctx, &am.GetOrganizationAdminAccountInput{}))
	got(owner.GetServicesInScope(ctx, &am.GetServicesInScopeInput{}))
}

// library makes a control and a framework of it, and pages through what there is.
func library(owner *am.Client) (*types.Control, *types.Framework) {
	keywords := 0
	pages := am.NewListKeywordsForDataSourcePaginator(owner, &am.ListKeywordsForDataSourceInput{
		Source: types.SourceTypeAwsApiCall, MaxResults: aws.Int32(50),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			fail("ListKeywordsForDataSource", err)
		}
		keywords += len(page.Keywords)
	}
	must(keywords >= 108, fmt.Sprintf("%d keywords", keywords))
	_, err := owner.CreateControl(ctx, &am.CreateControlInput{
		Name:                  aws.String("a\\b"),
		ControlMappingSources: []types.CreateControlMappingSource{{}},
	})
	must(len(refused[*types.ValidationException](err).Fields) > 0, "no fields are named")
	control := got(owner.CreateControl(ctx, &am.CreateControlInput{
		Name: aws.String(controlName),
		ControlMappingSources: []types.CreateControlMappingSource{{
			SourceName:        aws.String("users"),
			SourceType:        types.SourceTypeAwsApiCall,
			SourceSetUpOption: types.SourceSetUpOptionSystemControlsMapping,
			SourceFrequency:   types.SourceFrequencyDaily,
			SourceKeyword: &types.SourceKeyword{
				KeywordInputType: types.KeywordInputTypeSelectFromList,
				KeywordValue:     aws.String("iam_ListUsers"),
			},
		}},
		Tags: map[string]string{"team": "audit"},
	})).Control
	read := got(owner.GetControl(ctx, &am.GetControlInput{ControlId: control.Id})).Control
	must(*read.Name == *control.Name && read.CreatedAt.Equal(*control.CreatedAt), "another control")
	got(owner.ListControls(ctx, &am.ListControlsInput{ControlType: types.ControlTypeCustom}))
	standard := got(owner.ListAssessmentFrameworks(ctx, &am.ListAssessmentFrameworksInput{
		FrameworkType: types.FrameworkTypeStandard,
	})).FrameworkMetadataList[0]
	got(owner.GetAssessmentFramework(ctx, &am.GetAssessmentFrameworkInput{FrameworkId: standard.Id}))
	framework := got(owner.CreateAssessmentFramework(ctx, &am.CreateAssessmentFrameworkInput{
		Name: aws.String("Ours"),
		ControlSets: []types.CreateAssessmentFrameworkControlSet{{
			Name:     aws.String("Set / ü"),
			Controls: []types.CreateAssessmentFrameworkControl{{Id: control.Id}},
		}},
	})).Framework
	got(owner.TagResource(ctx, &am.TagResourceInput{
		ResourceArn: framework.Arn, Tags: map[string]string{"cost": "42"},
	}))
	got(owner.UntagResource(ctx, &am.UntagResourceInput{
		ResourceArn: framework.Arn, TagKeys: []string{"cost"},
	}))
	tags := got(owner.ListTagsForResource(ctx, &am.ListTagsForResourceInput{
		ResourceArn: control.Arn,
	})).Tags
	must(tags["team"] == "audit", "the tag is lost")
	return control, framework
}

// assess makes an assessment and changes it.
func assess(owner *am.Client, framework *types.Framework) *types.Assessment {
	account := os.Getenv("WALK_ACCOUNT")
	scope := &types.Scope{AwsAccounts: []types.AWSAccount{{Id: &account}}}
	destination := &types.AssessmentReportsDestination{
		DestinationType: types.AssessmentReportDestinationTypeS3,
		Destination:     aws.String("s3://" + os.Getenv("WALK_BUCKET")),
	}
	role := "arn:aws:iam::" + account + ":role/owner"
	assessment := got(owner.CreateAssessment(ctx, &am.CreateAssessmentInput{
		Name: aws.String("From Go"), FrameworkId: framework.Id, Scope: scope,
		AssessmentReportsDestination: destination,
		Roles:                        []types.Role{{RoleArn: &role, RoleType: types.RoleTypeProcessOwner}},
	})).Assessment
	id := assessment.Metadata.Id
	got(owner.UpdateAssessment(ctx, &am.UpdateAssessmentInput{
		AssessmentId: id, Scope: scope, AssessmentName: aws.String("Still from Go"),
	}))
	read := got(owner.GetAssessment(ctx, &am.GetAssessmentInput{AssessmentId: id}))
	must(*read.Assessment.Metadata.Name == "Still from Go", "the name is not changed")
	must(read.UserRole.RoleType == types.RoleTypeProcessOwner, "the caller is no owner")
	must(len(got(owner.ListAssessments(ctx, &am.ListAssessmentsInput{})).AssessmentMetadata) == 1, "lost")
	nobody := &am.GetAssessmentInput{AssessmentId: aws.String("00000000-0000-4000-8000-000000000000")}
	_, err := owner.GetAssessment(ctx, nobody)
	refused[*types.ResourceNotFoundException](err)
	return assessment
}

// place is a control of an assessment.
type place struct{ assessment, set, control *string }

// review delegates the control set, comments and signs off.
func review(owner *am.Client, assessment *types.Assessment, control string) place {
	at := place{assessment.Metadata.Id, assessment.Framework.ControlSets[0].Id, &control}
	role := "arn:aws:iam::" + os.Getenv("WALK_ACCOUNT") + ":role/delegate"
	given := got(owner.BatchCreateDelegationByAssessment(ctx, &am.BatchCreateDelegationByAssessmentInput{
		AssessmentId: at.assessment,
		CreateDelegationRequests: []types.CreateDelegationRequest{{
			Comment: aws.String("Please look"), ControlSetId: at.set, RoleArn: &role,
			RoleType: types.RoleTypeResourceOwner,
		}},
	}))
	must(len(given.Errors) == 0 && len(given.Delegations) == 1, "not delegated")
	got(owner.GetDelegations(ctx, &am.GetDelegationsInput{}))
	got(owner.BatchDeleteDelegationByAssessment(ctx, &am.BatchDeleteDelegationByAssessmentInput{
		AssessmentId: at.assessment, DelegationIds: []string{*given.Delegations[0].Id},
	}))
	got(owner.UpdateAssessmentControl(ctx, &am.UpdateAssessmentControlInput{
		AssessmentId: at.assessment, ControlSetId: at.set, ControlId: at.control,
		CommentBody: aws.String("Looks right"), ControlStatus: types.ControlStatusUnderReview,
	}))
	got(owner.ListNotifications(ctx, &am.ListNotificationsInput{}))
	return at
}

// evidence adds a file from the bucket, waits for what is collected, and looks at each item.
func evidence(owner *am.Client, at place) {
	imported := got(owner.BatchImportEvidenceToAssessmentControl(ctx,
		&am.BatchImportEvidenceToAssessmentControlInput{
			AssessmentId: at.assessment, ControlSetId: at.set, ControlId: at.control,
			ManualEvidence: []types.ManualEvidence{{
				S3ResourcePath: aws.String("s3://" + os.Getenv("WALK_BUCKET") + "/evidence/users.csv"),
			}},
		}))
	must(len(imported.Errors) == 0, "not imported")
	ofControl := &am.GetEvidenceFoldersByAssessmentControlInput{
		AssessmentId: at.assessment, ControlSetId: at.set, ControlId: at.control,
	}
	var folder types.AssessmentEvidenceFolder
	eventually("nothing was collected", func() bool {
		answer, err := owner.GetEvidenceFoldersByAssessmentControl(ctx, ofControl)
		if err != nil {
			fail("GetEvidenceFoldersByAssessmentControl", err)
		}
		for _, one := range answer.EvidenceFolders {
			folder = one
		}
		return folder.TotalEvidence > folder.EvidenceByTypeManualCount && folder.EvidenceByTypeManualCount > 0
	})
	got(owner.GetEvidenceFolder(ctx, &am.GetEvidenceFolderInput{
		AssessmentId: at.assessment, ControlSetId: at.set, EvidenceFolderId: folder.Id,
	}))
	got(owner.GetEvidenceFoldersByAssessment(ctx, &am.GetEvidenceFoldersByAssessmentInput{
		AssessmentId: at.assessment,
	}))
	var items []types.Evidence
	pages := am.NewGetEvidenceByEvidenceFolderPaginator(owner, &am.GetEvidenceByEvidenceFolderInput{
		AssessmentId: at.assessment, ControlSetId: at.set, EvidenceFolderId: folder.Id,
		MaxResults: aws.Int32(1),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			fail("GetEvidenceByEvidenceFolder", err)
		}
		items = append(items, page.Evidence...)
	}
	must(len(items) == int(folder.TotalEvidence), "not every item was listed")
	item := got(owner.GetEvidence(ctx, &am.GetEvidenceInput{
		AssessmentId: at.assessment, ControlSetId: at.set, EvidenceFolderId: folder.Id,
		EvidenceId: items[0].Id,
	})).Evidence
	must(item.Time.Equal(*items[0].Time) && *item.DataSource == *items[0].DataSource, "another item")
	ids := []string{*item.Id}
	got(owner.BatchAssociateAssessmentReportEvidence(ctx, &am.BatchAssociateAssessmentReportEvidenceInput{
		AssessmentId: at.assessment, EvidenceFolderId: folder.Id, EvidenceIds: ids,
	}))
	got(owner.BatchDisassociateAssessmentReportEvidence(ctx,
		&am.BatchDisassociateAssessmentReportEvidenceInput{
			AssessmentId: at.assessment, EvidenceFolderId: folder.Id, EvidenceIds: ids,
		}))
	got(owner.AssociateAssessmentReportEvidenceFolder(ctx, &am.AssociateAssessmentReportEvidenceFolderInput{
		AssessmentId: at.assessment, EvidenceFolderId: folder.Id,
	}))
}

// reports looks at the insights, signs off, and makes a report.
func reports(owner *am.Client, at place) {
	must(got(owner.GetInsights(ctx, &am.GetInsightsInput{})).Insights.LastUpdated != nil, "no insights")
	got(owner.GetInsightsByAssessment(ctx, &am.GetInsightsByAssessmentInput{AssessmentId: at.assessment}))
	got(owner.ListControlDomainInsights(ctx, &am.ListControlDomainInsightsInput{}))
	got(owner.ListControlDomainInsightsByAssessment(ctx, &am.ListControlDomainInsightsByAssessmentInput{
		AssessmentId: at.assessment,
	}))
	domain := aws.String("UNCATEGORIZED")
	got(owner.ListControlInsightsByControlDomain(ctx, &am.ListControlInsightsByControlDomainInput{
		ControlDomainId: domain,
	}))
	got(owner.ListAssessmentControlInsightsByControlDomain(ctx,
		&am.ListAssessmentControlInsightsByControlDomainInput{
			AssessmentId: at.assessment, ControlDomainId: domain,
		}))
	got(owner.UpdateAssessmentControl(ctx, &am.UpdateAssessmentControlInput{
		AssessmentId: at.assessment, ControlSetId: at.set, ControlId: at.control,
		CommentBody: aws.String("Agreed"), ControlStatus: types.ControlStatusReviewed,
	}))
	got(owner.UpdateAssessmentControlSetStatus(ctx, &am.UpdateAssessmentControlSetStatusInput{
		AssessmentId: at.assessment, ControlSetId: at.set, Comment: aws.String("Agreed"),
		Status: types.ControlSetStatusReviewed,
	}))
	logs := got(owner.GetChangeLogs(ctx, &am.GetChangeLogsInput{AssessmentId: at.assessment}))
	must(len(logs.ChangeLogs) >= 6, "changes are not logged")
	for _, one := range logs.ChangeLogs {
		ofControl := one.ObjectType == types.ObjectTypeEnumControl
		must(!ofControl || *one.ObjectName == controlName, "a change names "+*one.ObjectName)
	}
	report := got(owner.CreateAssessmentReport(ctx, &am.CreateAssessmentReportInput{
		AssessmentId: at.assessment, Name: aws.String("Q4"),
	})).AssessmentReport
	eventually("the report is not complete", func() bool {
		answer, err := owner.ListAssessmentReports(ctx, &am.ListAssessmentReportsInput{})
		if err != nil || len(answer.AssessmentReports) != 1 {
			fail("ListAssessmentReports", err)
		}
		must(answer.AssessmentReports[0].Status != types.AssessmentReportStatusFailed, "the report failed")
		return answer.AssessmentReports[0].Status == types.AssessmentReportStatusComplete
	})
	url := got(owner.GetAssessmentReportUrl(ctx, &am.GetAssessmentReportUrlInput{
		AssessmentId: at.assessment, AssessmentReportId: report.Id,
	})).PreSignedUrl
	answer, err := http.Get(*url.Link)
	if err != nil || answer.StatusCode != http.StatusOK {
		fail("download", err)
	}
	defer answer.Body.Close()
	file, err := os.Create(os.Getenv("WALK_REPORT"))
	if err != nil {
		fail("download", err)
	}
	defer file.Close()
	if _, err := io.Copy(file, answer.Body); err != nil {
		fail("download", err)
	}
	got(owner.DeleteAssessmentReport(ctx, &am.DeleteAssessmentReportInput{
		AssessmentId: at.assessment, AssessmentReportId: report.Id,
	}))
}

// leave shares, ends and deletes.
func leave(owner *am.Client, control *types.Control, framework *types.Framework, at place) {
	share := got(owner.StartAssessmentFrameworkShare(ctx, &am.StartAssessmentFrameworkShareInput{
		FrameworkId: framework.Id, DestinationAccount: aws.String("444455556666"),
		DestinationRegion: aws.String("eu-west-1"),
	})).AssessmentFrameworkShareRequest
	left := time.Until(*share.ExpirationTime)
	must(left > 119*24*time.Hour && left <= 120*24*time.Hour, "the request does not expire in 120 days")
	sent := types.ShareRequestTypeSent
	got(owner.ListAssessmentFrameworkShareRequests(ctx, &am.ListAssessmentFrameworkShareRequestsInput{
		RequestType: sent,
	}))
	got(owner.UpdateAssessmentFrameworkShare(ctx, &am.UpdateAssessmentFrameworkShareInput{
		RequestId: share.Id, RequestType: sent, Action: types.ShareRequestActionRevoke,
	}))
	got(owner.DeleteAssessmentFrameworkShare(ctx, &am.DeleteAssessmentFrameworkShareInput{
		RequestId: share.Id, RequestType: sent,
	}))
	ended := got(owner.UpdateAssessmentStatus(ctx, &am.UpdateAssessmentStatusInput{
		AssessmentId: at.assessment, Status: types.AssessmentStatusInactive,
	})).Assessment
	must(ended.Metadata.Status == types.AssessmentStatusInactive, "the assessment is not ended")
	got(owner.DeleteAssessment(ctx, &am.DeleteAssessmentInput{AssessmentId: at.assessment}))
	got(owner.DeleteAssessmentFramework(ctx, &am.DeleteAssessmentFrameworkInput{FrameworkId: framework.Id}))
	got(owner.DeleteControl(ctx, &am.DeleteControlInput{ControlId: control.Id}))
}
