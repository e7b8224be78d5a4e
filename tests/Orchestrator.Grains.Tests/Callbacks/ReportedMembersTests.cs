using System.Text.Json;
using Orchestrator.Grains.Callbacks;

namespace Orchestrator.Grains.Tests.Callbacks;

/// <summary>What of an agent's report reaches the dispatcher.</summary>
public sealed class ReportedMembersTests
{
    [Theory]
    [InlineData("""{"prUrl":"https://github.com/a/b/pull/1"}""", """{"prUrl":"https://github.com/a/b/pull/1"}""")]
    [InlineData("""{"prUrl":"none"}""", null)]
    [InlineData("""{"prUrl":"javascript:alert(1)"}""", null)]
    [InlineData("""{"prUrl":null,"ciFailed":false}""", """{"ciFailed":false}""")]
    [InlineData("""{"ciFailed":"true","comment_replied":0}""", """{"ciFailed":true,"comment_replied":false}""")]
    [InlineData("""{"ciFailed":"maybe","comment_replied":2}""", null)]
    [InlineData("""{"rebaseResult":"skipped"}""", """{"rebaseResult":"skipped"}""")]
    [InlineData("""{"rebaseResult":"done"}""", null)]
    [InlineData("""{"rebaseResult":{"success":true,"attempted":true,"more":1}}""", """{"rebaseResult":{"attempted":true,"success":true}}""")]
    [InlineData("""{"rebaseResult":{"attempted":false}}""", null)]
    [InlineData("""{"rebaseResult":{"attempted":true,"success":true,"\ud800aaaaaaaaaaaaa":1},"ciFailed":true}""", """{"ciFailed":true}""")]
    [InlineData("""{"review_comments_posted":3}""", """{"review_comments_posted":"3"}""")]
    [InlineData("""{"review_comments_posted":"03"}""", """{"review_comments_posted":"03"}""")]
    [InlineData("""{"review_comments_posted":-1}""", null)]
    [InlineData("""{"review_comments_posted":1.5}""", null)]
    [InlineData("""{"review_comments_posted":"three"}""", null)]
    [InlineData("""{"review_id":12,"review_types":["security","tests"]}""", """{"review_id":"12","review_types":"security,tests"}""")]
    [InlineData("""{"needs_remediation":true,"requires_re_review":0}""", """{"needs_remediation":"1","requires_re_review":"0"}""")]
    [InlineData("""{"needs_remediation":"yes"}""", null)]
    [InlineData("""{"sentry_outcome":"fixed","sentry_verification":"ran it"}""", """{"sentry_outcome":"fixed","sentry_verification":"ran it"}""")]
    [InlineData("""{"sentry_outcome":"ignored"}""", null)]
    [InlineData("""{"planning_outcome_label":"  ","execution_outcome_label":7}""", null)]
    [InlineData("""{"planning_new_member":"x","execution_outcome_label":"implemented"}""", """{"planning_new_member":"x","execution_outcome_label":"implemented"}""")]
    [InlineData("""{"planning_":"x","planning_é":"x","branch":"x","commits":3,"status":"completed","__proto__":{"a":1},"constructor":"x","10":"x"}""", null)]
    [InlineData("""{"ciFailed":true,"prUrl":"https://a.b/c","ciFailed":false}""", """{"ciFailed":false,"prUrl":"https://a.b/c"}""")]
    [InlineData("""{"planning_outcome_label":"\ud800","execution_\udc00":"x","sentry_verification":"\ud83d\ude00"}""", """{"sentry_verification":"😀"}""")]
    [InlineData("""{"PRURL":"https://a.b/c"}""", null)]
    [InlineData("""["prUrl"]""", null)]
    [InlineData("null", null)]
    public void Only_allowed_members_of_the_right_type_are_kept(string reported, string? expected)
    {
        using var document = JsonDocument.Parse(reported);
        Assert.Equal(expected, ReportedMembers.Filter(document.RootElement));
    }

    [Fact]
    public void Long_text_is_cut_between_characters_and_the_whole_is_bounded()
    {
        var text = new string('x', ReportedMembers.StringLengthMax - 1) + "😀";
        using var one = JsonDocument.Parse($$"""{"sentry_verification":"{{text}}"}""");
        Assert.Equal($$"""{"sentry_verification":"{{text[..^2]}}"}""", ReportedMembers.Filter(one.RootElement));

        using var many = JsonDocument.Parse($"{{{string.Join(',', Enumerable.Range(0, 500).Select(i => $"\"review_{i}\":\"{new string('y', 10_000)}\""))}}}");
        Assert.InRange(ReportedMembers.Filter(many.RootElement)!.Length, 200_000, 270_000);
    }

    [Theory]
    [InlineData(null, null, "")]
    [InlineData("ask_agent", null, "")]
    [InlineData("unheard_of", "{}", "")]
    [InlineData("execution", null, "prUrl|execution_linear_issue_url or execution_outcome_label:\"already_completed\"")]
    [InlineData("execution", """{"prUrl":"https://a.b/c","execution_linear_issue_url":"https://a.b/c"}""", "")]
    [InlineData("execution", """{"prUrl":"https://a.b/c","execution_outcome_label":"already_completed"}""", "")]
    [InlineData("execution", """{"prUrl":"https://a.b/c","execution_outcome_label":"implemented"}""", "execution_linear_issue_url or execution_outcome_label:\"already_completed\"")]
    [InlineData("pull_request", """{"prUrl":"https://a.b/c"}""", "comment_replied")]
    [InlineData("pull_request", """{"prUrl":"https://a.b/c","comment_replied":false}""", "")]
    [InlineData("planning", null, "planning_outcome_label")]
    [InlineData("planning", """{"planning_outcome_label":"planned"}""", "planning_pr_url or prUrl")]
    [InlineData("planning", """{"planning_outcome_label":"planned","prUrl":"https://a.b/c"}""", "")]
    [InlineData("planning", """{"planning_outcome_label":"planned","planning_pr_url":"https://a.b/c"}""", "")]
    [InlineData("planning", """{"planning_outcome_label":"unclear"}""", "planning_unclear_clarification")]
    [InlineData("planning", """{"planning_outcome_label":"unclear","planning_unclear_clarification":"which?"}""", "")]
    [InlineData("review", null, "review_types|review_comments_posted or review_id|needs_remediation")]
    [InlineData("review", """{"review_types":"a","review_id":"1","needs_remediation":"0"}""", "")]
    [InlineData("review", """{"review_types":"a","review_comments_posted":"0","needs_remediation":"1"}""", "")]
    [InlineData("remediation", """{"execution_outcome_label":"implemented"}""", "prUrl")]
    [InlineData("remediation", """{"execution_outcome_label":"already_completed"}""", "")]
    [InlineData("remediation", null, "")]
    [InlineData("sentry", null, "prUrl|sentry_outcome|sentry_issue_url|sentry_linear_issue|sentry_verification")]
    public void What_is_missing_is_named(string? agentType, string? reportedJson, string expected) =>
        Assert.Equal(expected, string.Join('|', ReportedMembers.Missing(agentType, reportedJson)));

    [Theory]
    [InlineData("planning", "unclear", true)]
    [InlineData("planning", "planned", false)]
    [InlineData("execution", "unclear", false)]
    public void An_unclear_plan_is_seen(string agentType, string label, bool expected) =>
        Assert.Equal(expected, ReportedMembers.IsPlanUnclear(agentType, $$"""{"planning_outcome_label":"{{label}}"}"""));
}
