package fakegithub

// route is what is done for an operation, and who may ask.
type route struct {
	// permission that an App needs ("a|b" is either), and its level.
	permission, level string
	// jwt is for the App itself; public for everybody.
	jwt, public bool
	handle      func(c *call) *reply
}

// allRoutes are all operations that the fake has.
func (s *Server) allRoutes() map[string]route {
	const repo, pull, issue = "/repos/{owner}/{repo}", "/repos/{owner}/{repo}/pulls/{pull_number}", "/repos/{owner}/{repo}/issues/{issue_number}"
	return map[string]route{
		"POST /graphql":                          {},
		"GET /meta":                              {public: true, handle: (*call).meta},
		"GET /rate_limit":                        {public: true, handle: (*call).rateLimit},
		"GET /user":                              {handle: (*call).user},
		"GET /search/issues":                     {handle: (*call).search},
		"GET /app":                               {jwt: true, handle: (*call).app},
		"GET /app/installations":                 {jwt: true, handle: (*call).installations},
		"GET " + repo + "/installation":          {jwt: true, handle: (*call).repoInstallation},
		"GET /app/hook/deliveries":               {jwt: true, handle: (*call).deliveries},
		"GET /app/hook/deliveries/{delivery_id}": {jwt: true, handle: (*call).delivery},
		"POST /app/hook/deliveries/{delivery_id}/attempts":        {jwt: true, handle: (*call).redeliver},
		"POST /app/installations/{installation_id}/access_tokens": {jwt: true, handle: (*call).accessToken},
		"GET /installation/repositories":                          {handle: (*call).installationRepos},
		"GET " + repo:                                             {permission: "metadata", level: "read", handle: (*call).getRepo},
		"GET " + repo + "/pulls":                                  {permission: "pull_requests", level: "read", handle: (*call).listPulls},
		"GET " + repo + "/pulls/comments":                         {permission: "pull_requests", level: "read", handle: (*call).noComments},
		"GET " + pull:                                             {permission: "pull_requests", level: "read", handle: onPull("pull_number", getPull)},
		"GET " + pull + "/files":                                  {permission: "pull_requests", level: "read", handle: onPull("pull_number", getFiles)},
		"GET " + pull + "/reviews":                                {permission: "pull_requests", level: "read", handle: onPull("pull_number", getReviews)},
		"POST " + pull + "/reviews":                               {permission: "pull_requests", level: "write", handle: onPull("pull_number", postReview)},
		"PUT " + pull + "/merge":                                  {permission: "contents", level: "write", handle: onPull("pull_number", putMerge)},
		"GET " + issue + "/comments":                              {permission: "issues|pull_requests", level: "read", handle: onPull("issue_number", getComments)},
		"POST " + issue + "/comments":                             {permission: "issues|pull_requests", level: "write", handle: onPull("issue_number", postComment)},
		"GET " + repo + "/issues/comments":                        {permission: "issues|pull_requests", level: "read", handle: (*call).allComments},
		"GET " + issue + "/labels":                                {permission: "issues|pull_requests", level: "read", handle: onPull("issue_number", getLabels)},
		"POST " + issue + "/labels":                               {permission: "issues|pull_requests", level: "write", handle: onPull("issue_number", postLabels)},
		"DELETE " + issue + "/labels/{name}":                      {permission: "issues|pull_requests", level: "write", handle: onPull("issue_number", deleteLabel)},
		"POST " + repo + "/statuses/{sha}":                        {permission: "statuses", level: "write", handle: (*call).postStatus},
		"GET " + repo + "/commits/{ref}/status":                   {permission: "statuses", level: "read", handle: (*call).combinedStatus},
		"GET " + repo + "/commits/{ref}/check-runs":               {permission: "checks", level: "read", handle: (*call).listChecks},
		"GET " + repo + "/commits/{commit_sha}/pulls":             {permission: "pull_requests", level: "read", handle: (*call).pullsOfCommit},
		"POST " + repo + "/check-runs":                            {permission: "checks", level: "write", handle: (*call).postCheck},
		"PATCH " + repo + "/check-runs/{check_run_id}":            {permission: "checks", level: "write", handle: (*call).patchCheck},
		"GET " + repo + "/check-runs/{check_run_id}":              {permission: "checks", level: "read", handle: (*call).getCheck},
		"GET " + repo + "/branches":                               {permission: "contents", level: "read", handle: (*call).branches},
		"GET " + repo + "/branches/{branch}":                      {permission: "contents", level: "read", handle: (*call).branch},
		"GET " + repo + "/branches/{branch}/protection":           {permission: "administration", level: "read", handle: (*call).protection},
		"GET " + repo + "/rules/branches/{branch}":                {permission: "metadata", level: "read", handle: (*call).branchRules},
		"GET " + repo + "/git/matching-refs/{ref}":                {permission: "contents", level: "read", handle: (*call).matchingRefs},
		"GET " + repo + "/collaborators/{username}/permission":    {permission: "metadata", level: "read", handle: (*call).collaborator},
	}
}
